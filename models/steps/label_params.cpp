#include "models/steps/param_checks.h"
#include "models/steps/step_params.h"

namespace voxd {

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
