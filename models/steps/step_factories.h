#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "models/steps/step.h"

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

/// Every dictionary transform has `keys` and `allow_missing_keys`. A key that is missing is found when the chain is put
/// together.
std::vector<std::string> keys_of(Params& params);

}  // namespace voxd
