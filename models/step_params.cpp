#include "models/step_params.h"

#include <cmath>

namespace voxd {
namespace {

/// The type that results have: float32 is what voxd computes in.
void require_float32(Params& params) {
  const std::string dtype = params.dtype("dtype");
  if (!dtype.empty() && dtype != "float32")
    params.refuse(Code::unimplemented, "dtype", "'" + dtype + "' is not supported, only float32");
}

void require_finite(const Params& params, std::string_view name, std::optional<double> value) {
  if (value && !std::isfinite(*value)) params.refuse(Code::invalid_argument, name, "must be a finite number");
}

double percentile(Params& params, std::string_view name) {
  const double value = params.number(name);
  if (!(value >= 0 && value <= 100)) params.refuse(Code::invalid_argument, name, "must be in 0..100");
  return value;
}

std::vector<int> one_or_three(Params& params, std::string_view name, std::vector<int> fallback) {
  std::vector<int> values = params.integers(name, std::move(fallback));
  if (values.size() != 1 && values.size() != 3)
    params.refuse(Code::invalid_argument, name, "expected 1 or 3 numbers, got " + std::to_string(values.size()));
  return values;
}

}  // namespace

template <>
OrientationParams read_params(Params& params) {
  const bool closest_canonical = params.flag("as_closest_canonical", false);
  std::string axcodes = params.text("axcodes", "");
  // The letters of the axes' ends can be renamed; only (L,R),(P,A),(I,S) is supported, which is also what null means.
  const ConfigValue labels = params.value("labels");
  if (!labels.is_null() && to_text(labels) != "[['L', 'R'], ['P', 'A'], ['I', 'S']]")
    params.refuse(Code::unimplemented, "labels", "is not supported");
  params.require_off({"lazy"});
  // MONAI lets as_closest_canonical win over axcodes.
  if (closest_canonical) axcodes = "RAS";
  if (axcodes.empty()) params.refuse(Code::invalid_argument, "axcodes", "is missing");
  try {
    check_axcodes(axcodes);
  } catch (const Error& error) {
    params.refuse(Code::invalid_argument, "axcodes", error.what());
  }
  return {axcodes};
}

template <>
ScaleIntensityRange read_params(Params& params) {
  ScaleIntensityRange result;
  result.a_min = params.number("a_min");
  result.a_max = params.number("a_max");
  result.b_min = params.optional_number("b_min");
  result.b_max = params.optional_number("b_max");
  result.clip = params.flag("clip", false);
  require_float32(params);
  require_finite(params, "a_min", result.a_min);
  require_finite(params, "a_max", result.a_max);
  if (result.clip && !result.b_min && !result.b_max)
    params.refuse(Code::invalid_argument, "clip", "needs b_min or b_max");
  return result;
}

template <>
ScaleIntensityRangePercentiles read_params(Params& params) {
  ScaleIntensityRangePercentiles result;
  result.lower = percentile(params, "lower");
  result.upper = percentile(params, "upper");
  result.b_min = params.optional_number("b_min");
  result.b_max = params.optional_number("b_max");
  result.clip = params.flag("clip", false);
  result.relative = params.flag("relative", false);
  result.channel_wise = params.flag("channel_wise", false);
  require_float32(params);
  if (result.relative && (!result.b_min || !result.b_max))
    params.refuse(Code::invalid_argument, "relative", "needs b_min and b_max");
  if (result.clip && !result.b_min && !result.b_max)
    params.refuse(Code::invalid_argument, "clip", "needs b_min or b_max");
  return result;
}

template <>
NormalizeIntensity read_params(Params& params) {
  NormalizeIntensity result;
  result.subtrahend = params.numbers("subtrahend", {});
  result.divisor = params.numbers("divisor", {});
  result.nonzero = params.flag("nonzero", false);
  result.channel_wise = params.flag("channel_wise", false);
  require_float32(params);
  if (!result.channel_wise && (result.subtrahend.size() > 1 || result.divisor.size() > 1))
    params.refuse(Code::invalid_argument, result.divisor.size() > 1 ? "divisor" : "subtrahend",
                  "several values need channel_wise");
  return result;
}

template <>
CropForeground read_params(Params& params) {
  CropForeground result;
  result.channel_indices = params.integers("channel_indices", {});
  result.margin = one_or_three(params, "margin", {0});
  for (int margin : result.margin)
    if (margin < 0)
      params.refuse(Code::invalid_argument, "margin", "must be 0 or more, found " + std::to_string(margin));
  result.k_divisible = one_or_three(params, "k_divisible", {1});
  result.allow_smaller = params.flag("allow_smaller", false);
  const std::string mode = params.text("mode", "constant");
  if (mode != "constant")
    params.refuse(Code::unimplemented, "mode", "'" + mode + "' is not supported, only 'constant'");
  result.value = params.number("value", 0);
  // The default keeps what is > 0; another can only be a piece of Python.
  if (!params.value("select_fn").is_null()) params.refuse(Code::unimplemented, "select_fn", "is not supported");
  params.require_off({"lazy"});
  return result;
}

template <>
Resize read_params(Params& params) {
  Resize result;
  result.spatial_size = params.integers("spatial_size", {});
  const std::string size_mode = params.text("size_mode", "all");
  if (size_mode != "all" && size_mode != "longest")
    params.refuse(Code::invalid_argument, "size_mode", "expected 'all' or 'longest', found '" + size_mode + "'");
  result.longest = size_mode == "longest";
  if (result.spatial_size.empty()) params.refuse(Code::invalid_argument, "spatial_size", "is missing");
  if (result.spatial_size.size() != 1 && (result.longest || result.spatial_size.size() != 3))
    params.refuse(Code::invalid_argument, "spatial_size",
                  std::string(result.longest ? "expected 1 number" : "expected 1 or 3 numbers") + ", got " +
                      std::to_string(result.spatial_size.size()));
  try {
    result.mode = interpolation_of(params.text("mode", "area"));
  } catch (const Error& error) {
    params.refuse(error.code(), "mode", error.what());
  }
  result.align_corners = params.optional_flag("align_corners").value_or(false);
  params.require_off({"anti_aliasing", "lazy"});
  params.ignore({"anti_aliasing_sigma"});
  require_float32(params);
  return result;
}

template <>
AsDiscreteParams read_params(Params& params) {
  params.require_off({"to_onehot", "threshold", "rounding"});
  if (!params.flag("argmax", false)) params.refuse(Code::unimplemented, "argmax", "only argmax=True is supported");
  const std::string dtype = params.dtype("dtype");
  if (params.integer("dim", 0) != 0 || !params.flag("keepdim", true))
    params.refuse(Code::unimplemented, "dim", "only dim=0 with keepdim=True is supported");
  // Labels are whole numbers: any type that holds them all means the same.
  if (dtype == "bool") params.refuse(Code::unimplemented, "dtype", "'bool' is not supported");
  return {};
}

template <>
KeepLargestConnectedComponent read_params(Params& params) {
  KeepLargestConnectedComponent result;
  if (std::vector<int> labels = params.integers("applied_labels", {}); !labels.empty())
    result.applied_labels = std::move(labels);
  result.independent = params.flag("independent", true);
  result.is_onehot = params.optional_flag("is_onehot");
  result.connectivity = params.integer("connectivity", 3);
  if (result.connectivity < 1 || result.connectivity > 3)
    params.refuse(Code::invalid_argument, "connectivity",
                  "expected 1, 2 or 3, found " + std::to_string(result.connectivity));
  result.num_components = params.integer("num_components", 1);
  if (result.num_components < 1)
    params.refuse(Code::invalid_argument, "num_components",
                  "expected 1 or more, found " + std::to_string(result.num_components));
  return result;
}

template <>
LabelToContourParams read_params(Params& params) {
  const std::string kernel = params.text("kernel_type", "Laplace");
  if (kernel != "Laplace")
    params.refuse(Code::unimplemented, "kernel_type", "'" + kernel + "' is not supported, only 'Laplace'");
  return {};
}

}  // namespace voxd
