#include "server/infer_reply.h"

#include <google/protobuf/io/coded_stream.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "grpc_service.pb.h"

namespace voxd {
namespace {

constexpr std::uint32_t kRawOutputContentsTag = (6u << 3) | 2u;

using Owner = std::shared_ptr<const HostVolume>;

/// {"decode": 1.5, "queue": 0.1, ...}: what the job's stages took, in milliseconds.
std::string stages_of(const StageTimes& stage_ms) {
  nlohmann::ordered_json stages;
  for (int i = 0; i < kStages; ++i)
    stages[std::string(name_of(static_cast<Stage>(i)))] = stage_ms[static_cast<std::size_t>(i)];
  return stages.dump();
}

grpc::Slice header_slice(const TensorResult& result, const std::string& model, const std::string& version,
                         const std::string& id) {
  inference::ModelInferResponse header;
  header.set_model_name(model);
  header.set_model_version(version);
  header.set_id(id);
  (*header.mutable_parameters())["stage_ms"].set_string_param(stages_of(result.stage_ms));
  for (const OutputTensor& output : result.outputs) {
    auto& described = *header.add_outputs();
    described.set_name(output.name);
    described.set_datatype(std::string(output.datatype));
    for (const std::int64_t axis : output.shape) described.add_shape(axis);
  }
  return grpc::Slice(header.SerializeAsString());
}

grpc::Slice length_slice(std::uint64_t length) {
  using google::protobuf::io::CodedOutputStream;
  std::uint8_t bytes[1 + 10];
  std::uint8_t* end = CodedOutputStream::WriteTagToArray(kRawOutputContentsTag, bytes);
  end = CodedOutputStream::WriteVarint64ToArray(length, end);
  return grpc::Slice(bytes, static_cast<std::size_t>(end - bytes));
}

grpc::Slice voxel_slice(const Owner& volume) {
  const std::size_t bytes = static_cast<std::size_t>(volume->count()) * size_of(volume->dtype);
  void* const data = const_cast<std::byte*>(volume->voxels.data());
  return grpc::Slice(
      data, bytes, [](void* owner) { delete static_cast<Owner*>(owner); }, new Owner(volume));
}

}  // namespace

grpc::ByteBuffer infer_reply(const TensorResult& result, const std::string& model, const std::string& version,
                             const std::string& id) {
  std::vector<grpc::Slice> slices{header_slice(result, model, version, id)};
  for (const OutputTensor& output : result.outputs) {
    const grpc::Slice voxels = voxel_slice(output.volume);
    slices.push_back(length_slice(voxels.size()));
    slices.push_back(voxels);
  }
  return grpc::ByteBuffer(slices.data(), slices.size());
}

}  // namespace voxd
