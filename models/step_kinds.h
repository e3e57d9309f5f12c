#pragma once

#include <string>
#include <vector>

#include "models/step_params.h"
#include "models/steps.h"

// The steps, by what they do. Parameters are public: a pass that fuses neighbours reads them.
namespace voxd {

/// A step that does the same thing to each of its keys, apart from parameters that MONAI takes per key.
class KeyedStep : public Step {
 public:
  using Step::Step;
  void apply(Dictionary& dictionary, JobContext& context) const final;
  void plan(PlannedDictionary& dictionary, MemoryPlan& plan) const final;

 protected:
  /// `index`: which of keys() it is.
  virtual void apply_to(Dictionary::Item& item, std::size_t index, Workspace& workspace) const = 0;
  virtual void plan_for(PlannedDictionary::Item& item, std::size_t index, MemoryPlan& plan) const = 0;
};

/// LoadImaged, EnsureTyped with a type: the same values as float32.
class ToFloat32 final : public KeyedStep {
 public:
  using KeyedStep::KeyedStep;

 private:
  void apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const override;
  void plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const override;
};

/// EnsureChannelFirstd, EnsureTyped without a type: volumes have their channels first and are on the device already.
class LeaveAsIs final : public Step {
 public:
  using Step::Step;
  std::vector<std::string> reads() const override { return {}; }
  void apply(Dictionary&, JobContext&) const override {}
  void plan(PlannedDictionary&, MemoryPlan&) const override {}
};

/// ScaleIntensityRanged, ScaleIntensityRangePercentilesd, NormalizeIntensityd: float32 of the same size.
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

class Orientationd final : public KeyedStep {
 public:
  Orientationd(std::vector<std::string> keys, OrientationParams parameters)
      : KeyedStep("Orientationd", std::move(keys)), params(std::move(parameters)) {}
  const OrientationParams params;

  bool moves_voxels() const override { return true; }

 private:
  void apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const override;
  void plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const override;
};

class Resized final : public KeyedStep {
 public:
  Resized(std::vector<std::string> keys, std::vector<Resize> parameters)
      : KeyedStep("Resized", std::move(keys)), params(std::move(parameters)) {}
  const std::vector<Resize> params;  ///< one per key

  bool moves_voxels() const override { return true; }

 private:
  void apply_to(Dictionary::Item& item, std::size_t index, Workspace& workspace) const override;
  void plan_for(PlannedDictionary::Item& item, std::size_t index, MemoryPlan& plan) const override;
};

/// Crops all keys to the foreground of one item. The result may be empty; whoever goes on with it refuses.
class CropForegroundd final : public Step {
 public:
  CropForegroundd(std::vector<std::string> keys, std::string source, CropForeground parameters)
      : Step("CropForegroundd", std::move(keys)), source_key(std::move(source)), params(std::move(parameters)) {}
  const std::string source_key;
  const CropForeground params;

  bool moves_voxels() const override { return true; }
  std::vector<std::string> needs() const override { return {source_key}; }
  std::vector<std::string> reads() const override;
  void apply(Dictionary& dictionary, JobContext& context) const override;
  void plan(PlannedDictionary& dictionary, MemoryPlan& plan) const override;
};

/// Takes its keys back through the trace of another item.
class Invertd final : public Step {
 public:
  Invertd(std::vector<std::string> keys, std::vector<std::string> originals, std::vector<bool> nearest)
      : Step("Invertd", std::move(keys)), orig_keys(std::move(originals)), nearest_interp(std::move(nearest)) {}
  const std::vector<std::string> orig_keys;  ///< one per key
  const std::vector<bool> nearest_interp;    ///< one per key

  std::vector<std::string> needs() const override { return orig_keys; }
  void apply(Dictionary& dictionary, JobContext& context) const override;
  void plan(PlannedDictionary& dictionary, MemoryPlan& plan) const override;
};

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
