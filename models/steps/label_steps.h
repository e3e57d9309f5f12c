#pragma once

#include <string>
#include <utility>
#include <vector>

#include "models/steps/keyed_step.h"
#include "models/steps/step_params.h"

// Steps from logits to label maps. Parameters are public: a pass that fuses neighbours reads them.
namespace voxd {

class Activationsd final : public KeyedStep {
 public:
  Activationsd(std::vector<std::string> keys, std::vector<Activations> parameters)
      : KeyedStep("Activationsd", std::move(keys)), params(std::move(parameters)) {}
  const std::vector<Activations> params;  ///< one per key

 private:
  void apply_to(Dictionary::Item& item, std::size_t index, Workspace& workspace) const override;
  void plan_for(PlannedDictionary::Item& item, std::size_t index, MemoryPlan& plan) const override;
};

class AsDiscreted final : public KeyedStep {
 public:
  AsDiscreted(std::vector<std::string> keys, std::vector<AsDiscrete> parameters)
      : KeyedStep("AsDiscreted", std::move(keys)), params(std::move(parameters)) {}
  const std::vector<AsDiscrete> params;  ///< one per key

 private:
  void apply_to(Dictionary::Item& item, std::size_t index, Workspace& workspace) const override;
  void plan_for(PlannedDictionary::Item& item, std::size_t index, MemoryPlan& plan) const override;
};

/// KeepLargestConnectedComponentd, FillHolesd, RemoveSmallObjectsd, LabelToContourd: a label map of the same type.
template <class P>
class LabelMapStep final : public KeyedStep {
 public:
  LabelMapStep(std::string name, std::vector<std::string> keys, P parameters)
      : KeyedStep(std::move(name), std::move(keys)), params(std::move(parameters)) {}
  const P params;

 private:
  void apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const override;
  void plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const override;
};
using KeepLargestConnectedComponentd = LabelMapStep<KeepLargestConnectedComponent>;
using FillHolesd = LabelMapStep<FillHoles>;
using RemoveSmallObjectsd = LabelMapStep<RemoveSmallObjects>;
using LabelToContourd = LabelMapStep<LabelToContourParams>;

}  // namespace voxd
