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

class KeepLargestConnectedComponentd final : public KeyedStep {
 public:
  KeepLargestConnectedComponentd(std::vector<std::string> keys, KeepLargestConnectedComponent parameters)
      : KeyedStep("KeepLargestConnectedComponentd", std::move(keys)), params(std::move(parameters)) {}
  const KeepLargestConnectedComponent params;

 private:
  void apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const override;
  void plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const override;
};

class FillHolesd final : public KeyedStep {
 public:
  FillHolesd(std::vector<std::string> keys, FillHoles parameters)
      : KeyedStep("FillHolesd", std::move(keys)), params(std::move(parameters)) {}
  const FillHoles params;

 private:
  void apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const override;
  void plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const override;
};

class RemoveSmallObjectsd final : public KeyedStep {
 public:
  RemoveSmallObjectsd(std::vector<std::string> keys, RemoveSmallObjects parameters)
      : KeyedStep("RemoveSmallObjectsd", std::move(keys)), params(std::move(parameters)) {}
  const RemoveSmallObjects params;

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
