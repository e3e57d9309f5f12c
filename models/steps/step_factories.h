#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "models/steps/step.h"
#include "models/steps/step_params.h"

// How each family of steps makes its own from a bundle's parameters; make_step puts the families together.
namespace voxd {

using StepPtr = std::unique_ptr<const Step>;
using StepFactory = StepPtr (*)(Params& params);
/// By MONAI's name of the dictionary transform.
using StepFactories = std::map<std::string, StepFactory, std::less<>>;

StepFactories intensity_factories();
StepFactories spatial_factories();
StepFactories pad_factories();
StepFactories label_factories();
StepFactories item_factories();
StepFactories lambda_factories();

/// Every dictionary transform has `keys` and `allow_missing_keys`. A key that is missing is found when the chain is put
/// together.
std::vector<std::string> keys_of(Params& params);

/// The transform's parameters for each of `keys` keys, where MONAI takes those of `names` one per key.
template <class P>
std::vector<P> params_per_key(const Params& params, std::size_t keys, std::initializer_list<std::string_view> names) {
  std::vector<P> result;
  for (std::size_t i = 0; i < keys; ++i) {
    Params own = params.for_key(i, keys, names);
    result.push_back(read_params<P>(own));
  }
  return result;
}

}  // namespace voxd
