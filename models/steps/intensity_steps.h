#pragma once

#include <string>
#include <utility>
#include <vector>

#include "models/steps/keyed_step.h"
#include "models/steps/step_params.h"

// Steps that change values and leave the grid as it is. Parameters are public: a pass that fuses neighbours reads them.
namespace voxd {

/// ScaleIntensityd, ScaleIntensityRanged, ScaleIntensityRangePercentilesd, NormalizeIntensityd: float32 of the same
/// size.
template <class P>
class Intensity final : public KeyedStep {
 public:
  Intensity(std::string name, std::vector<std::string> keys, P parameters)
      : KeyedStep(std::move(name), std::move(keys)), params(std::move(parameters)) {}
  const P params;

 private:
  void apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const override;
  void plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const override;
};

}  // namespace voxd
