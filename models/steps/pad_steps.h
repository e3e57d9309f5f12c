#pragma once

#include <string>
#include <utility>
#include <vector>

#include "models/steps/keyed_step.h"
#include "models/steps/step_params.h"

// Steps that put voxels around an image. Parameters are public: a pass that fuses neighbours reads them.
namespace voxd {

/// SpatialPadd, DivisiblePadd, BorderPadd.
template <class P>
class Pad final : public KeyedStep {
 public:
  Pad(std::string name, std::vector<std::string> keys, std::vector<P> parameters)
      : KeyedStep(std::move(name), std::move(keys)), params(std::move(parameters)) {}
  const std::vector<P> params;  ///< one per key

  bool moves_voxels() const override { return true; }

 private:
  void apply_to(Dictionary::Item& item, std::size_t index, Workspace& workspace) const override;
  void plan_for(PlannedDictionary::Item& item, std::size_t index, MemoryPlan& plan) const override;
};

}  // namespace voxd
