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

constexpr std::int64_t kMaxAxis = 65535;
constexpr int kSpatialAxes = 3;

std::string text_of(const Shape& shape) {
  std::ostringstream text;
  for (std::size_t i = 0; i < shape.size(); ++i) text << (i ? "," : "[") << shape[i];
  text << ']';
  return text.str();
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
  }
}

// A batch of one, which clients of models with a batch axis send, is the volume itself.
Shape without_batch(const TensorDescription& declared, Shape shape) {
  if (shape.size() == declared.shape.size() + 1 && shape.front() == 1) shape.erase(shape.begin());
  return shape;
}

Shape checked_shape(const TensorDescription& declared, const Shape& sent, const std::string& model) {
  const Shape shape = without_batch(declared, sent);
  bool fits = shape.size() == declared.shape.size();
  for (std::size_t i = 0; fits && i < shape.size(); ++i)
    fits = declared.shape[i] == -1 || declared.shape[i] == shape[i];
  if (!fits)
    fail(Code::invalid_argument, "unexpected shape for input '", declared.name, "' for model '", model, "'. Expected ",
         text_of(declared.shape), ", got ", text_of(sent));
  for (const std::int64_t axis : shape)
    if (axis < 1 || axis > kMaxAxis)
      fail(Code::invalid_argument, "unexpected shape for input '", declared.name, "' for model '", model,
           "': ", text_of(sent), " has an axis that is not from 1 to ", kMaxAxis);
  return shape;
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
  if (const std::int64_t got = byte_size(tensor.data); got != expected)
    fail(Code::invalid_argument, "input byte size mismatch for input '", name, "' for model '", model, "'. Expected ",
         expected, ", got ", got);
}

/// Hands out what the inputs of a request bring: each in shared memory, or else raw or typed, never both of these in
/// one request. Entries of raw_input_contents belong to the inputs that are not in shared memory, in order.
class InputData {
 public:
  InputData(ParsedInfer& parsed, const FindRegion& find) : parsed_(parsed) {
    for (const auto& input : parsed.request.inputs()) {
      shared_.push_back(shared_bytes_of(input.parameters(), "input '" + printable(input.name()) + "'", find));
      raw_index_.push_back(in_message_);
      if (!shared_.back()) ++in_message_;
      if (shared_.back() && input.has_contents())
        fail(Code::invalid_argument, "contents field must not be specified when using shared memory for '",
             printable(input.name()), "'");
    }
    if (!parsed.raw_inputs.empty() && parsed.raw_inputs.size() != in_message_)
      fail(Code::invalid_argument, "expected ", in_message_, " entries in raw_input_contents but got ",
           parsed.raw_inputs.size());
  }

  TensorData take(int index, WireType type) {
    const auto at = static_cast<std::size_t>(index);
    const ModelInferRequest::InferInputTensor& input = parsed_.request.inputs(index);
    if (shared_[at]) return *shared_[at];
    if (parsed_.raw_inputs.empty()) {
      if (!input.has_contents())
        fail(Code::invalid_argument, "unable to find data for input tensor '", printable(input.name()), "'");
      return typed_contents(input.name(), input.contents(), type);
    }
    if (input.has_contents())
      fail(Code::invalid_argument, "contents field must not be specified when using raw_input_contents for '",
           printable(input.name()), "'");
    return std::move(parsed_.raw_inputs[raw_index_[at]]);
  }

  const std::vector<std::optional<SharedBytes>>& shared() const { return shared_; }

 private:
  ParsedInfer& parsed_;
  std::vector<std::optional<SharedBytes>> shared_;  // by input, as the next
  std::vector<std::size_t> raw_index_;
  std::size_t in_message_ = 0;
};

std::vector<InputTensor> inputs_of(const ModelInferRequest& request, InputData& data,
                                   const std::vector<TensorDescription>& expected, const std::string& model) {
  std::vector<InputTensor> inputs;
  for (const TensorDescription& declared : expected) {
    int index = 0;
    const auto& input = input_named(request, declared.name, index);
    const WireType type = checked_type(input, declared, model);
    InputTensor tensor =
        tensor_of_shape(declared, checked_shape(declared, {input.shape().begin(), input.shape().end()}, model));
    tensor.type = type;
    tensor.data = data.take(index, type);
    check_size(tensor, declared.name, model);
    inputs.push_back(std::move(tensor));
  }
  return inputs;
}

WantedTensor wanted(const TensorDescription& declared) {
  return {declared.name, declared.key, declared.shape.size(), std::nullopt};
}

std::optional<SharedBytes> target_of(const ModelInferRequest::InferRequestedOutputTensor& output,
                                     const FindRegion& find) {
  std::optional<SharedBytes> target =
      shared_bytes_of(output.parameters(), "output '" + printable(output.name()) + "'", find);
  if (target) target->region->prepare_to_write();
  return target;
}

std::vector<WantedTensor> outputs_of(const ModelInferRequest& request, const PipelineDescription& description,
                                     const FindRegion& find) {
  std::vector<WantedTensor> outputs;
  std::set<std::string> names;
  for (const auto& output : request.outputs()) {
    if (!names.insert(output.name()).second)
      fail(Code::invalid_argument, "output '", printable(output.name()), "' is requested twice");
    for (const TensorDescription& declared : description.outputs)
      if (declared.name == output.name()) outputs.push_back(wanted(declared));
    if (outputs.size() != names.size())
      fail(Code::invalid_argument, "unexpected inference output '", printable(output.name()), "' for model '",
           description.name, "'");
    outputs.back().target = target_of(output, find);
  }
  if (outputs.empty())
    for (const TensorDescription& declared : description.outputs) outputs.push_back(wanted(declared));
  return outputs;
}

// What is written must be neither what is read nor what else is written.
void refuse_overlaps(const std::vector<std::optional<SharedBytes>>& inputs, const std::vector<WantedTensor>& outputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (!outputs[i].target) continue;
    for (const std::optional<SharedBytes>& input : inputs)
      if (input && input->overlaps(*outputs[i].target))
        fail(Code::invalid_argument, "output '", outputs[i].name, "': its shared memory overlaps that of an input");
    for (std::size_t k = 0; k < i; ++k)
      if (outputs[k].target && outputs[k].target->overlaps(*outputs[i].target))
        fail(Code::invalid_argument, "output '", outputs[i].name, "': its shared memory overlaps that of output '",
             outputs[k].name, "'");
  }
}

}  // namespace

TensorRequest tensor_request(ParsedInfer parsed, std::shared_ptr<const Model> model, const Affine& affine,
                             const FindRegion& find) {
  const PipelineDescription& description = model->pipeline->description();
  TensorRequest request;
  request.affine = affine;
  request.outputs = outputs_of(parsed.request, description, find);
  const std::vector<TensorDescription> expected = expected_inputs(parsed.request, description);
  check_input_names(parsed.request, expected, description);
  InputData data(parsed, find);
  refuse_overlaps(data.shared(), request.outputs);
  request.inputs = inputs_of(parsed.request, data, expected, description.name);
  request.model = std::move(model);
  return request;
}

}  // namespace voxd
