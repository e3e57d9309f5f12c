#include "client/infer_message.h"

#include <google/protobuf/io/coded_stream.h>

#include <algorithm>
#include <functional>
#include <iomanip>
#include <memory>
#include <sstream>

#include "client/shared_memory_block.h"
#include "gpu_transforms/volume/checked.h"
#include "gpu_transforms/volume/error.h"

namespace voxd {
namespace {

using google::protobuf::io::CodedOutputStream;

constexpr std::uint32_t kRawInputContentsTag = (7u << 3) | 2u;

std::int64_t element_size(const std::string& datatype) {
  if (datatype == "UINT8" || datatype == "INT8") return 1;
  if (datatype == "UINT16" || datatype == "INT16" || datatype == "FP16" || datatype == "BF16") return 2;
  if (datatype == "UINT32" || datatype == "INT32" || datatype == "FP32") return 4;
  if (datatype == "UINT64" || datatype == "INT64" || datatype == "FP64") return 8;
  fail(Code::invalid_argument, "datatype: '", datatype, "', known: UINT8 ... INT64, FP16, BF16, FP32, FP64");
}

void check(const VolumeInput& input) {
  for (const std::int64_t axis : input.shape)
    if (axis < 1) fail(Code::invalid_argument, "shape: an axis of ", axis, ", at least 1");
  const auto [c, x, y, z] = input.shape;
  const std::int64_t expected = checked_product({c, x, y, z, element_size(input.datatype)}, "volume");
  if (static_cast<std::int64_t>(input.voxels.size()) != expected)
    fail(Code::invalid_argument, "voxels: ", input.voxels.size(), " bytes, their shape and datatype say ", expected);
}

std::string text_of(const std::array<double, 16>& affine) {
  std::ostringstream text;
  text << std::setprecision(17);
  for (std::size_t i = 0; i < affine.size(); ++i) text << (i == 0 ? "[" : ",") << affine[i];
  text << ']';
  return text.str();
}

template <class Tensor>
void place(Tensor& tensor, const SharedMemoryBlock& block, std::span<const std::byte> bytes, const std::string& what) {
  const std::span<const std::byte> all = block.bytes();
  const std::less_equal<> before;
  if (!before(all.data(), bytes.data()) || !before(bytes.data() + bytes.size(), all.data() + all.size()))
    fail(Code::invalid_argument, what, ": does not lie in the shared memory");
  auto& parameters = *tensor.mutable_parameters();
  parameters["shared_memory_region"].set_string_param(block.name());
  parameters["shared_memory_byte_size"].set_int64_param(static_cast<std::int64_t>(bytes.size()));
  if (const auto offset = bytes.data() - all.data(); offset > 0)
    parameters["shared_memory_offset"].set_int64_param(offset);
}

inference::ModelInferRequest head_of(const VolumeInput& input, const TensorInfo& declared) {
  inference::ModelInferRequest request;
  request.set_model_name(input.model);
  request.set_model_version(input.model_version);
  request.set_id(input.request_id);
  auto& parameters = *request.mutable_parameters();
  if (input.affine) parameters["affine"].set_string_param(text_of(*input.affine));
  // Theirs counts downwards from 1.
  if (input.priority < 0)
    parameters["priority"].set_uint64_param(static_cast<std::uint64_t>(1 - std::int64_t{input.priority}));
  auto& tensor = *request.add_inputs();
  tensor.set_name(declared.name);
  tensor.set_datatype(input.datatype);
  for (std::size_t axis = input.shape.size(); axis < declared.shape.size(); ++axis) tensor.add_shape(1);
  for (const std::int64_t axis : input.shape) tensor.add_shape(axis);
  if (input.shared) place(tensor, *input.shared, input.voxels, "voxels");
  for (const WantedOutput& wanted : input.outputs) {
    auto& output = *request.add_outputs();
    output.set_name(wanted.name);
    if (wanted.target.empty()) continue;
    if (!input.shared) fail(Code::invalid_argument, "output '", wanted.name, "': a target needs shared memory");
    place(output, *input.shared, wanted.target, "target of output '" + wanted.name + "'");
  }
  return request;
}

grpc::Slice tag_slice(std::uint32_t tag, std::uint64_t length) {
  std::uint8_t bytes[5 + 10];
  std::uint8_t* end = CodedOutputStream::WriteTagToArray(tag, bytes);
  end = CodedOutputStream::WriteVarint64ToArray(length, end);
  return grpc::Slice(bytes, static_cast<std::size_t>(end - bytes));
}

// A JSON object of numbers, which is all that `stage_ms` is.
std::map<std::string, double> numbers_of(const std::string& text) {
  std::map<std::string, double> numbers;
  for (std::size_t at = 0; (at = text.find('"', at)) != std::string::npos;) {
    const std::size_t end = text.find('"', at + 1), colon = text.find(':', at);
    if (end == std::string::npos || colon != end + 1) break;
    std::istringstream number(text.substr(colon + 1, 40));
    if (!(number >> numbers[text.substr(at + 1, end - at - 1)])) break;
    at = colon;
  }
  return numbers;
}

}  // namespace

grpc::ByteBuffer infer_message(const VolumeInput& input, const TensorInfo& declared, std::function<void()> released) {
  check(input);
  std::vector<grpc::Slice> slices{grpc::Slice(head_of(input, declared).SerializeAsString())};
  if (input.shared) {
    released();
    return grpc::ByteBuffer(slices.data(), slices.size());
  }
  slices.push_back(tag_slice(kRawInputContentsTag, input.voxels.size()));
  slices.emplace_back(
      const_cast<std::byte*>(input.voxels.data()), input.voxels.size(),
      [](void* call) {
        const std::unique_ptr<std::function<void()>> once(static_cast<std::function<void()>*>(call));
        (*once)();
      },
      new std::function<void()>(std::move(released)));
  return grpc::ByteBuffer(slices.data(), slices.size());
}

VolumeOutcome outcome_of(inference::ModelInferResponse response) {
  if (response.outputs_size() != response.raw_output_contents_size())
    fail(Code::data_loss, "answer: ", response.outputs_size(), " outputs with the bytes of ",
         response.raw_output_contents_size());
  VolumeOutcome outcome;
  outcome.model_version = response.model_version();
  for (int i = 0; i < response.outputs_size(); ++i) {
    const auto& described = response.outputs(i);
    outcome.outputs.push_back({described.name(),
                               described.datatype(),
                               {described.shape().begin(), described.shape().end()},
                               std::move(*response.mutable_raw_output_contents(i))});
  }
  const auto stages = response.parameters().find("stage_ms");
  if (stages != response.parameters().end()) outcome.stage_ms = numbers_of(stages->second.string_param());
  return outcome;
}

const OutputTensorData& VolumeOutcome::output(const std::string& name) const {
  for (const OutputTensorData& output : outputs)
    if (output.name == name) return output;
  fail(Code::not_found, "answer: has no output '", name, "'");
}

}  // namespace voxd
