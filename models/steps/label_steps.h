#pragma once

#include <string>
#include <utility>
#include <vector>

#include "models/steps/keyed_step.h"
#include "models/steps/step_params.h"

// Steps from probabilities to label maps. Parameters are public: a pass that fuses neighbours reads them.
namespace voxd {

/// AsDiscreted(argmax=True).
class Argmax final : public KeyedStep {
 public:
  explicit Argmax(std::vector<std::string> keys) : KeyedStep("AsDiscreted", std::move(keys)) {}

 private:
  void apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const override;
  void plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const override;
};

class KeepLargestConnectedComponentd final : public KeyedStep {
 public:
  KeepLargestConnectedComponentd(std::vector<std::string> keys, KeepLargestConnectedComponent parameters)
      : KeyedStep("KeepLargestConnectedComponentd", std::move(keys)), params(std::move(parameters)) {}
  const KeepLargestConnectedComponent params;

 private:
  void apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const override;
  void plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const override;
};

class LabelToContourd final : public KeyedStep {
 public:
  explicit LabelToContourd(std::vector<std::string> keys) : KeyedStep("LabelToContourd", std::move(keys)) {}

 private:
  void apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const override;
  void plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const override;
};

}  // namespace voxd
