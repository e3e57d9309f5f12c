#include <algorithm>

#include "models/steps/param_checks.h"
#include "models/steps/step_params.h"

namespace voxd {

template <>
Activations read_params(Params& params) {
  Activations result;
  result.sigmoid = params.optional_flag("sigmoid").value_or(false);
  result.softmax = params.optional_flag("softmax").value_or(false);
  if (!params.value("other").is_null())
    params.refuse(Code::unimplemented, "other", "a function of the bundle's own is never run");
  if (params.integer("dim", 0) != 0) params.refuse(Code::unimplemented, "dim", "only dim=0 is supported");
  return result;
}

template <>
AsDiscrete read_params(Params& params) {
  AsDiscrete result;
  result.argmax = params.optional_flag("argmax").value_or(false);
  if (!params.value("to_onehot").is_null()) result.to_onehot = params.integer("to_onehot", 0);
  result.threshold = params.optional_number("threshold");
  const std::string rounding = params.text("rounding", "");
  result.rounding = !rounding.empty();
  result.dtype = optional_dtype(params, "dtype").value_or(DType::f32);
  if (params.integer("dim", 0) != 0 || !params.flag("keepdim", true))
    params.refuse(Code::unimplemented, "dim", "only dim=0 with keepdim=True is supported");
  if (result.to_onehot && *result.to_onehot < 1)
    params.refuse(Code::invalid_argument, "to_onehot",
                  "expected 1 or more, found " + std::to_string(*result.to_onehot));
  if (result.rounding && rounding != "torchrounding")
    params.refuse(Code::invalid_argument, "rounding", "expected 'torchrounding', found '" + rounding + "'");
  if (result.rounding && result.threshold)
    params.refuse(Code::invalid_argument, "rounding", "cannot round what threshold has made");
  return result;
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
FillHoles read_params(Params& params) {
  FillHoles result;
  // MONAI takes the number 0 for "all", and any connectivity for the nearest that there is.
  const ConfigValue labels = params.value("applied_labels");
  const auto* number = labels.as<std::int64_t>();
  if (!labels.is_null() && !(number && *number == 0)) result.applied_labels = params.integers("applied_labels", {});
  const int connectivity = params.integer("connectivity", 3);
  result.connectivity = connectivity == 0 ? 3 : std::clamp(connectivity, 1, 3);
  return result;
}

template <>
RemoveSmallObjects read_params(Params& params) {
  RemoveSmallObjects result;
  result.min_size = params.number("min_size", 64);
  if (params.has("connectivity") && params.value("connectivity").is_null())
    params.refuse(Code::invalid_argument, "connectivity", "expected a whole number, found None");
  result.connectivity = std::clamp(params.integer("connectivity", 1), 1, 4);
  result.independent_channels = params.flag("independent_channels", true);
  result.by_measure = params.flag("by_measure", false);
  std::vector<double> pixdim = params.numbers("pixdim", {});
  require_finite(params, "min_size", result.min_size);
  if (pixdim.size() > 3 || pixdim.size() == 2)
    params.refuse(Code::invalid_argument, "pixdim", "expected 1 or 3 numbers, got " + std::to_string(pixdim.size()));
  for (const double step : pixdim) require_finite(params, "pixdim", step);
  if (!pixdim.empty()) result.pixdim = std::move(pixdim);
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
