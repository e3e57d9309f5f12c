#include <cmath>

#include "models/steps/param_checks.h"
#include "models/steps/step_params.h"

namespace voxd {

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
CropForeground read_params(Params& params) {
  CropForeground result;
  result.channel_indices = params.integers("channel_indices", {});
  result.margin = one_or_three(params, "margin", {0});
  for (int margin : result.margin)
    if (margin < 0)
      params.refuse(Code::invalid_argument, "margin", "must be 0 or more, found " + std::to_string(margin));
  result.k_divisible = one_or_three(params, "k_divisible", {1});
  result.allow_smaller = params.flag("allow_smaller", false);
  result.padding = padding_of(params);
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
  result.anti_aliasing = params.flag("anti_aliasing", false);
  result.anti_aliasing_sigma = params.numbers("anti_aliasing_sigma", {});
  if (result.anti_aliasing_sigma.size() > 1 && result.anti_aliasing_sigma.size() != 3)
    params.refuse(Code::invalid_argument, "anti_aliasing_sigma",
                  "expected 1 or 3 numbers, got " + std::to_string(result.anti_aliasing_sigma.size()));
  for (const double sigma : result.anti_aliasing_sigma)
    if (!std::isfinite(sigma) || sigma < 0)
      params.refuse(Code::invalid_argument, "anti_aliasing_sigma", "must be finite numbers of 0 or more");
  params.require_off({"lazy"});
  require_float32(params);
  return result;
}

template <>
Spacing read_params(Params& params) {
  Spacing result;
  result.pixdim = params.numbers("pixdim", {});
  if (result.pixdim.empty()) params.refuse(Code::invalid_argument, "pixdim", "is missing");
  result.min_pixdim = params.numbers("min_pixdim", {});
  result.max_pixdim = params.numbers("max_pixdim", {});
  result.diagonal = params.flag("diagonal", false);
  result.scale_extent = params.flag("scale_extent", false);
  result.recompute_affine = params.flag("recompute_affine", false);
  try {
    result.resampling.mode = grid_mode_of(params.text("mode", "bilinear"));
  } catch (const Error& error) {
    params.refuse(error.code(), "mode", error.what());
  }
  try {
    result.resampling.outside = outside_of(params.text("padding_mode", "border"));
  } catch (const Error& error) {
    params.refuse(error.code(), "padding_mode", error.what());
  }
  result.resampling.align_corners = params.optional_flag("align_corners").value_or(false);
  // MONAI resamples in this type and returns float32; the difference between the two is the error of its float32.
  const std::string dtype = params.dtype("dtype");
  if (!dtype.empty() && dtype != "float32" && dtype != "float64" && dtype != "double")
    params.refuse(Code::unimplemented, "dtype", "'" + dtype + "' is not supported, only float32 and float64");
  params.require_off({"lazy"});
  try {
    check_spacing(result);
  } catch (const Error& error) {
    params.refuse(error.code(), "pixdim", error.what());
  }
  return result;
}

}  // namespace voxd
