#include "models/steps/param_checks.h"
#include "models/steps/step_params.h"

namespace voxd {

template <>
ScaleIntensity read_params(Params& params) {
  ScaleIntensity result;
  if (params.has("minv")) result.minv = params.optional_number("minv");
  if (params.has("maxv")) result.maxv = params.optional_number("maxv");
  result.factor = params.optional_number("factor");
  result.channel_wise = params.flag("channel_wise", false);
  require_float32(params);
  require_finite(params, "minv", result.minv);
  require_finite(params, "maxv", result.maxv);
  require_finite(params, "factor", result.factor);
  return result;
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

namespace {

double percentile(Params& params, std::string_view name) {
  const double value = params.number(name);
  if (!(value >= 0 && value <= 100)) params.refuse(Code::invalid_argument, name, "must be in 0..100");
  return value;
}

}  // namespace

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

}  // namespace voxd
