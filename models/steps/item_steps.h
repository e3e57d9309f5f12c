#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "models/steps/keyed_step.h"

// Steps that bring items in, copy, convert and return them.
namespace voxd {

/// LoadImaged: the same values as float32. A chain in which somebody makes float32 of them anyway may leave integers as
/// they are, of types that float32 holds exactly.
class ToFloat32 final : public KeyedStep {
 public:
  explicit ToFloat32(std::vector<std::string> keys, bool integers_stay = false)
      : KeyedStep("LoadImaged", std::move(keys)), leaves_integers(integers_stay) {}
  const bool leaves_integers;

 private:
  bool leaves(DType type) const;
  void apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const override;
  void plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const override;
};

/// CastToTyped, EnsureTyped: the same values as another type.
class ToType final : public KeyedStep {
 public:
  ToType(std::string name, std::vector<std::string> keys, std::vector<std::optional<DType>> types)
      : KeyedStep(std::move(name), std::move(keys)), dtypes(std::move(types)) {}
  const std::vector<std::optional<DType>> dtypes;  ///< one per key; absent: as it is

 private:
  void apply_to(Dictionary::Item& item, std::size_t index, Workspace& workspace) const override;
  void plan_for(PlannedDictionary::Item& item, std::size_t index, MemoryPlan& plan) const override;
};

/// EnsureChannelFirstd: volumes have their channels first already.
class LeaveAsIs final : public Step {
 public:
  using Step::Step;
  std::vector<std::string> reads() const override { return {}; }
  void apply(Dictionary&, JobContext&) const override {}
  void plan(PlannedDictionary&, MemoryPlan&) const override {}
};

/// Copies of items under new names; voxels are shared, as nobody changes them.
class CopyItemsd final : public Step {
 public:
  CopyItemsd(std::vector<std::string> keys, std::vector<std::string> new_names)
      : Step("CopyItemsd", std::move(keys)), names(std::move(new_names)) {}
  const std::vector<std::string> names;  ///< keys().size() per copy, copy after copy

  std::vector<std::string> adds() const override { return names; }
  void apply(Dictionary& dictionary, JobContext& context) const override;
  void plan(PlannedDictionary& dictionary, MemoryPlan& plan) const override;
};

/// Marks its keys, as they are at this point, as what the pipeline returns.
class SaveImaged final : public Step {
 public:
  explicit SaveImaged(std::vector<std::string> keys) : Step("SaveImaged", std::move(keys)) {}
  void apply(Dictionary& dictionary, JobContext& context) const override;
  void plan(PlannedDictionary& dictionary, MemoryPlan& plan) const override;
};

}  // namespace voxd
