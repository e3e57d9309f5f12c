#include "models/serving.h"

#include <algorithm>

#include "models/config_id.h"
#include "models/params.h"

namespace voxd {
namespace {

constexpr std::string_view datatypes[] = {"UINT8",  "INT8",  "UINT16", "INT16", "UINT32", "INT32",
                                          "UINT64", "INT64", "FP16",   "FP32",  "FP64",   "BF16"};

std::vector<std::int64_t> read_shape(Params& params) {
  const std::vector<int> dims = params.integers("shape", {});
  if (dims.empty() || dims.size() > 8)
    params.refuse(Code::invalid_argument, "shape", "expected 1 to 8 numbers, got " + std::to_string(dims.size()));
  for (int dim : dims)
    if (dim != -1 && dim < 1)
      params.refuse(Code::invalid_argument, "shape", "expected sizes > 0, or -1 for any, found " + std::to_string(dim));
  return {dims.begin(), dims.end()};
}

TensorDescription read_tensor(const Config& config, const std::string& id) {
  Params params(config, id);
  TensorDescription tensor;
  tensor.name = params.text("name");
  tensor.key = params.text("key");
  tensor.datatype = params.text("datatype");
  if (tensor.name.empty()) params.refuse(Code::invalid_argument, "name", "is empty");
  if (std::find(std::begin(datatypes), std::end(datatypes), tensor.datatype) == std::end(datatypes))
    params.refuse(Code::invalid_argument, "datatype",
                  "'" + tensor.datatype + "' is not a numeric datatype of the KServe protocol, as FP32 or UINT8 are");
  tensor.shape = read_shape(params);
  params.finish();
  return tensor;
}

std::vector<TensorDescription> read_tensors(const Config& config, Params& params, std::string_view name) {
  const ConfigValue* raw = config.raw(name);
  params.ignore({name});
  if (!raw) return {};
  const auto* list = raw->as<ConfigList>();
  if (!list || list->empty())
    params.refuse(Code::invalid_argument, name, "expected a list of tensors, found " + to_text(*raw));
  std::vector<TensorDescription> tensors;
  for (std::size_t i = 0; i < list->size(); ++i) {
    tensors.push_back(read_tensor(config, child_id(name, i)));
    for (std::size_t j = 0; j < i; ++j)
      if (tensors[j].name == tensors[i].name)
        fail(Code::invalid_argument, config.where(child_id(name, i)), ": a second tensor with the name '",
             tensors[i].name, "'");
  }
  return tensors;
}

std::optional<Int3> read_size(Params& params, std::string_view name) {
  const std::vector<int> size = params.integers(name, {});
  if (!params.has(name)) return std::nullopt;
  if (size.size() != 3 || *std::min_element(size.begin(), size.end()) < 1 ||
      *std::max_element(size.begin(), size.end()) > 1024)
    params.refuse(Code::invalid_argument, name, "expected 3 sizes in 1..1024");
  return Int3{size[0], size[1], size[2]};
}

Precision read_precision(Params& params) {
  const std::string precision = params.text("precision", "fp32");
  if (precision == "bf16") return Precision::bf16;
  if (precision != "fp32")
    params.refuse(Code::invalid_argument, "precision", "expected 'fp32' or 'bf16', found '" + precision + "'");
  return Precision::fp32;
}

int read_count(Params& params, std::string_view name) {
  const int count = params.integer(name, 0);
  if (params.has(name) && count < 1)
    params.refuse(Code::invalid_argument, name, "expected at least 1 job, found " + std::to_string(count));
  return count;
}

ServingFile read_fields(const Config& config) {
  Params params(config, "");
  ServingFile serving;
  serving.description = params.text("description", "");
  serving.inputs = read_tensors(config, params, "inputs");
  serving.outputs = read_tensors(config, params, "outputs");
  serving.mask = params.text("mask", "");
  serving.contour = params.text("contour", "");
  serving.warm_up_size = read_size(params, "warm_up_size");
  serving.warm_up_image = read_size(params, "warm_up_image");
  serving.fuse = params.flag("fuse", true);
  serving.rewrite = params.flag("rewrite", true);
  serving.precision = read_precision(params);
  serving.max_running = read_count(params, "max_running");
  serving.max_waiting = read_count(params, "max_waiting");
  serving.sha256 = params.text("sha256", "");
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (!serving.sha256.empty() &&
      (serving.sha256.size() != 64 || !std::all_of(serving.sha256.begin(), serving.sha256.end(), is_hex)))
    params.refuse(Code::invalid_argument, "sha256", "expected 64 lower-case hex digits");
  params.finish();
  return serving;
}

}  // namespace

ServingFile read_serving(const Config& config) {
  try {
    return read_fields(config);
  } catch (const Error& error) {
    // An unknown field is a mistake here, not something that is yet to come.
    throw Error(Code::invalid_argument, error.what());
  }
}

}  // namespace voxd
