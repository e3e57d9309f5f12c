#include "models/steps/param_checks.h"
#include "models/steps/step_params.h"

namespace voxd {
namespace {

std::vector<int> required(Params& params, std::string_view name) {
  std::vector<int> values = params.integers(name, {});
  if (values.empty()) params.refuse(Code::invalid_argument, name, "is missing");
  return values;
}

std::vector<int> required_one_or_three(Params& params, std::string_view name) {
  required(params, name);
  return one_or_three(params, name, {});
}

bool at_end(Params& params) {
  const std::string method = params.text("method", "symmetric");
  if (method != "symmetric" && method != "end")
    params.refuse(Code::invalid_argument, "method", "expected 'symmetric' or 'end', found '" + method + "'");
  return method == "end";
}

}  // namespace

template <>
SpatialPad read_params(Params& params) {
  SpatialPad result;
  result.spatial_size = required_one_or_three(params, "spatial_size");
  result.at_end = at_end(params);
  result.padding = padding_of(params);
  params.require_off({"lazy"});
  return result;
}

template <>
DivisiblePad read_params(Params& params) {
  DivisiblePad result;
  result.k = required_one_or_three(params, "k");
  result.at_end = at_end(params);
  result.padding = padding_of(params);
  params.require_off({"lazy"});
  return result;
}

template <>
BorderPad read_params(Params& params) {
  BorderPad result;
  result.spatial_border = required(params, "spatial_border");
  const std::size_t n = result.spatial_border.size();
  if (n != 1 && n != 3 && n != 6)
    params.refuse(Code::invalid_argument, "spatial_border", "expected 1, 3 or 6 numbers, got " + std::to_string(n));
  result.padding = padding_of(params);
  params.require_off({"lazy"});
  return result;
}

}  // namespace voxd
