#include "server/infer_reply.h"

#include <google/protobuf/io/coded_stream.h>

#include <vector>

namespace voxd {
namespace {

using google::protobuf::io::CodedOutputStream;

constexpr std::uint32_t kRawOutputContentsTag = (6u << 3) | 2u;  // in ModelInferResponse
constexpr std::uint32_t kInferResponseTag = (2u << 3) | 2u;      // in ModelStreamInferResponse

using Slices = std::vector<grpc::Slice>;
using Owner = std::shared_ptr<const HostVolume>;

grpc::Slice length_slice(std::uint32_t tag, std::uint64_t length) {
  std::uint8_t bytes[1 + 10];
  std::uint8_t* end = CodedOutputStream::WriteTagToArray(tag, bytes);
  end = CodedOutputStream::WriteVarint64ToArray(length, end);
  return grpc::Slice(bytes, static_cast<std::size_t>(end - bytes));
}

grpc::Slice voxel_slice(const OutputTensor& output) {
  void* const data = const_cast<std::byte*>(output.volume->voxels.data());
  return grpc::Slice(
      data, static_cast<std::size_t>(output.byte_size()), [](void* owner) { delete static_cast<Owner*>(owner); },
      new Owner(output.volume));
}

Slices slices_of(const TensorResult& result, const inference::ModelInferResponse& response) {
  Slices slices{grpc::Slice(response.SerializeAsString())};
  for (const OutputTensor& output : result.outputs) {
    const grpc::Slice voxels = output.target ? grpc::Slice() : voxel_slice(output);
    slices.push_back(length_slice(kRawOutputContentsTag, voxels.size()));
    slices.push_back(voxels);
  }
  return slices;
}

grpc::ByteBuffer buffer_of(const Slices& slices) { return grpc::ByteBuffer(slices.data(), slices.size()); }

}  // namespace

grpc::ByteBuffer infer_reply(const TensorResult& result, const InferResponseHead& head) {
  return buffer_of(slices_of(result, infer_response(result, head)));
}

grpc::ByteBuffer stream_infer_reply(const TensorResult& result, const InferResponseHead& head) {
  inference::ModelInferResponse response = infer_response(result, head);
  (*response.mutable_parameters())["triton_final_response"].set_bool_param(true);
  Slices slices = slices_of(result, response);
  std::uint64_t length = 0;
  for (const grpc::Slice& slice : slices) length += slice.size();
  slices.insert(slices.begin(), length_slice(kInferResponseTag, length));
  return buffer_of(slices);
}

grpc::ByteBuffer stream_infer_error(const Error& error, const InferResponseHead& head) {
  inference::ModelStreamInferResponse message;
  message.set_error_message(error.what());
  inference::ModelInferResponse& response = *message.mutable_infer_response();
  response.set_id(head.id);
  response.set_model_name(head.model);
  response.set_model_version(head.version);
  const grpc::Slice bytes(message.SerializeAsString());
  return grpc::ByteBuffer(&bytes, 1);
}

}  // namespace voxd
