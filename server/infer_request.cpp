#include "server/infer_request.h"

#include <limits>
#include <set>
#include <sstream>

#include "gpu_transforms/volume/checked.h"
#include "server/infer_contents.h"
#include "server/printable.h"
#include "server/serving.h"

namespace voxd {
namespace {

using inference::ModelInferRequest;
using Shape = std::vector<std::int64_t>;
using Parameters = google::protobuf::Map<std::string, inference::InferParameter>;

constexpr std::int64_t kMaxAxis = 65535;
constexpr int kSpatialAxes = 3;

std::string text_of(const Shape& shape) {
  std::ostringstream text;
  for (std::size_t i = 0; i < shape.size(); ++i) text << (i ? "," : "[") << shape[i];
  text << ']';
  return text.str();
}

void refuse_shared_memory(const Parameters& parameters, const char* kind, const std::string& name) {
  for (const auto& [key, value] : parameters) {
    if (key.rfind("shared_memory_", 0) == 0)
      fail(Code::unimplemented, "Client shared memory is disabled: ", kind, " '", printable(name), "' asks for it");
    fail(Code::invalid_argument, "parameter '", printable(key), "' of ", kind, " '", printable(name), "' is not known");
  }
}

const ModelInferRequest::InferInputTensor& input_named(const ModelInferRequest& request, const std::string& name,
                                                       int& index) {
  for (index = 0; index < request.inputs_size(); ++index)
    if (request.inputs(index).name() == name) return request.inputs(index);
  fail(Code::invalid_argument, "expected input '", name, "' is missing");
}

/// One tensor a channel, under the channels' names, in place of the one that the model declares for all of them.
std::vector<TensorDescription> per_channel(const PipelineDescription& description) {
  std::vector<TensorDescription> tensors;
  for (const std::string& name : description.channel_names) {
    TensorDescription tensor = description.inputs.front();
    tensor.name = name;
    if (tensor.shape.size() > kSpatialAxes) tensor.shape[tensor.shape.size() - kSpatialAxes - 1] = 1;
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

/// The tensors that a request is held against: what the model declares, or its channels if the request names one.
std::vector<TensorDescription> expected_inputs(const ModelInferRequest& request,
                                               const PipelineDescription& description) {
  if (description.inputs.size() != 1 || description.channel_names.size() < 2) return description.inputs;
  std::vector<TensorDescription> channels = per_channel(description);
  for (const auto& input : request.inputs())
    for (const TensorDescription& channel : channels)
      if (input.name() == channel.name && input.name() != description.inputs[0].name) return channels;
  return description.inputs;
}

void check_input_names(const ModelInferRequest& request, const std::vector<TensorDescription>& expected,
                       const PipelineDescription& description) {
  if (static_cast<std::size_t>(request.inputs_size()) != expected.size())
    fail(Code::invalid_argument, "expected ", expected.size(), " inputs but got ", request.inputs_size(),
         " inputs for model '", description.name, "'");
  for (const auto& input : request.inputs()) {
    bool is_known = false;
    for (const TensorDescription& declared : expected) is_known |= declared.name == input.name();
    if (!is_known)
      fail(Code::invalid_argument, "unexpected inference input '", printable(input.name()), "' for model '",
           description.name, "'");
    refuse_shared_memory(input.parameters(), "input", input.name());
  }
}

void check_shape(const TensorDescription& declared, const Shape& shape, const std::string& model) {
  bool fits = shape.size() == declared.shape.size();
  for (std::size_t i = 0; fits && i < shape.size(); ++i)
    fits = declared.shape[i] == -1 || declared.shape[i] == shape[i];
  if (!fits)
    fail(Code::invalid_argument, "unexpected shape for input '", declared.name, "' for model '", model, "'. Expected ",
         text_of(declared.shape), ", got ", text_of(shape));
  for (const std::int64_t axis : shape)
    if (axis < 1 || axis > kMaxAxis)
      fail(Code::invalid_argument, "unexpected shape for input '", declared.name, "' for model '", model,
           "': ", text_of(shape), " has an axis that is not from 1 to ", kMaxAxis);
}

// The last three axes are the grid, the one before them the channels, what stands before those is 1.
InputTensor tensor_of_shape(const TensorDescription& declared, const Shape& shape) {
  InputTensor tensor;
  if (shape.size() < kSpatialAxes)
    fail(Code::internal, "input '", declared.name, "': declared with ", shape.size(), " axes");
  const std::size_t first = shape.size() - kSpatialAxes;
  for (std::size_t i = 0; i < kSpatialAxes; ++i) tensor.size[i] = static_cast<std::int32_t>(shape[first + i]);
  if (first > 0) tensor.channels = static_cast<std::int32_t>(shape[first - 1]);
  for (std::size_t i = 0; i + 1 < first; ++i)
    if (shape[i] != 1)
      fail(Code::invalid_argument, "unexpected shape for input '", declared.name, "': batch of ", shape[i],
           ", at most 1");
  return tensor;
}

WireType checked_type(const ModelInferRequest::InferInputTensor& input, const TensorDescription& declared,
                      const std::string& model) {
  const std::optional<WireType> type = wire_type_of(input.datatype());
  if (!type)
    fail(Code::invalid_argument, "inference input '", declared.name, "' data-type is '", printable(input.datatype()),
         "', but model '", model, "' expects '", declared.datatype, "' or another numeric type");
  return *type;
}

void check_size(const InputTensor& tensor, const std::string& name, const std::string& model) {
  const std::int64_t expected = checked_product({tensor.channels, tensor.size[0], tensor.size[1], tensor.size[2],
                                                 static_cast<std::int64_t>(size_of(tensor.type))},
                                                "input");
  if (tensor.data.size != expected)
    fail(Code::invalid_argument, "input byte size mismatch for input '", name, "' for model '", model, "'. Expected ",
         expected, ", got ", tensor.data.size);
}

// Raw or typed, never both in one request.
ScatteredBytes data_of(ParsedInfer& parsed, int index, WireType type) {
  const ModelInferRequest::InferInputTensor& input = parsed.request.inputs(index);
  if (parsed.raw_inputs.empty()) {
    if (!input.has_contents())
      fail(Code::invalid_argument, "unable to find data for input tensor '", printable(input.name()), "'");
    return typed_contents(input.name(), input.contents(), type);
  }
  if (input.has_contents())
    fail(Code::invalid_argument, "contents field must not be specified when using raw_input_contents for '",
         printable(input.name()), "'");
  if (parsed.raw_inputs.size() != static_cast<std::size_t>(parsed.request.inputs_size()))
    fail(Code::invalid_argument, "expected ", parsed.request.inputs_size(), " entries in raw_input_contents but got ",
         parsed.raw_inputs.size());
  return std::move(parsed.raw_inputs[static_cast<std::size_t>(index)]);
}

std::vector<InputTensor> inputs_of(ParsedInfer& parsed, const PipelineDescription& description) {
  const std::vector<TensorDescription> expected = expected_inputs(parsed.request, description);
  check_input_names(parsed.request, expected, description);
  std::vector<InputTensor> inputs;
  for (const TensorDescription& declared : expected) {
    int index = 0;
    const auto& input = input_named(parsed.request, declared.name, index);
    const WireType type = checked_type(input, declared, description.name);
    const Shape shape(input.shape().begin(), input.shape().end());
    check_shape(declared, shape, description.name);
    InputTensor tensor = tensor_of_shape(declared, shape);
    tensor.type = type;
    tensor.data = data_of(parsed, index, type);
    check_size(tensor, declared.name, description.name);
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

WantedTensor wanted(const TensorDescription& declared) { return {declared.name, declared.key, declared.shape.size()}; }

std::vector<WantedTensor> outputs_of(const ModelInferRequest& request, const PipelineDescription& description) {
  std::vector<WantedTensor> outputs;
  std::set<std::string> names;
  for (const auto& output : request.outputs()) {
    refuse_shared_memory(output.parameters(), "output", output.name());
    if (!names.insert(output.name()).second)
      fail(Code::invalid_argument, "output '", printable(output.name()), "' is requested twice");
    for (const TensorDescription& declared : description.outputs)
      if (declared.name == output.name()) outputs.push_back(wanted(declared));
    if (outputs.size() != names.size())
      fail(Code::invalid_argument, "unexpected inference output '", printable(output.name()), "' for model '",
           description.name, "'");
  }
  if (outputs.empty())
    for (const TensorDescription& declared : description.outputs) outputs.push_back(wanted(declared));
  return outputs;
}

Clock::time_point timeout_of(const inference::InferParameter& value) {
  if (value.parameter_choice_case() != inference::InferParameter::kInt64Param || value.int64_param() <= 0)
    fail(Code::invalid_argument, "parameter 'timeout': must be a positive int64 number of microseconds");
  constexpr std::int64_t year_us = std::int64_t{365} * 24 * 3600 * 1'000'000;
  return Clock::now() + std::chrono::microseconds(std::min(value.int64_param(), year_us));
}

}  // namespace

TensorRequest tensor_request(ParsedInfer parsed, std::shared_ptr<const Model> model) {
  const PipelineDescription& description = model->pipeline->description();
  TensorRequest request;
  request.outputs = outputs_of(parsed.request, description);
  request.inputs = inputs_of(parsed, description);
  request.model = std::move(model);
  return request;
}

std::optional<Clock::time_point> check_parameters(const ModelInferRequest& request) {
  std::optional<Clock::time_point> deadline;
  for (const auto& [key, value] : request.parameters()) {
    if (key == "timeout")
      deadline = timeout_of(value);
    else if (key.rfind("sequence_", 0) == 0 || key == "priority")
      fail(Code::unimplemented, "parameter '", printable(key), "' is not served");
    else if (key.rfind("triton_", 0) == 0 && key != "triton_enable_empty_final_response")
      fail(Code::invalid_argument, "parameter '", printable(key), "' is reserved and not known");
  }
  return deadline;
}

}  // namespace voxd
