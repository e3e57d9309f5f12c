#pragma once

#include <string>
#include <utility>
#include <vector>

#include "models/steps/keyed_step.h"
#include "models/steps/step_params.h"

// Steps that move voxels to another grid, and back. Parameters are public: a pass that fuses neighbours reads them.
namespace voxd {

/// Throws Error{invalid_argument}: nothing was left of an image by a crop to its foreground, after that step (empty: it
/// was the first).
[[noreturn]] void refuse_without_foreground(const std::string& previous);

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

/// With ensure_same_shape, keys that start on about the same grid as the first end with its size.
class Spacingd final : public Step {
 public:
  Spacingd(std::vector<std::string> keys, std::vector<Spacing> parameters, bool same_shape)
      : Step("Spacingd", std::move(keys)), params(std::move(parameters)), ensure_same_shape(same_shape) {}
  const std::vector<Spacing> params;  ///< one per key
  const bool ensure_same_shape;

  bool moves_voxels() const override { return true; }
  void apply(Dictionary& dictionary, JobContext& context) const override;
  void plan(PlannedDictionary& dictionary, MemoryPlan& plan) const override;
};

/// Crops all keys to the foreground of one item. The result may be empty; whoever goes on with it refuses.
class CropForegroundd final : public Step {
 public:
  CropForegroundd(std::vector<std::string> keys, std::string source, CropForeground parameters,
                  std::vector<Padding> paddings)
      : Step("CropForegroundd", std::move(keys)),
        source_key(std::move(source)),
        params(std::move(parameters)),
        padding(std::move(paddings)) {}
  const std::string source_key;
  const CropForeground params;
  const std::vector<Padding> padding;  ///< one per key, in place of that of `params`

  bool moves_voxels() const override { return true; }
  std::vector<std::string> needs() const override { return {source_key}; }
  std::vector<std::string> reads() const override;
  void apply(Dictionary& dictionary, JobContext& context) const override;
  void plan(PlannedDictionary& dictionary, MemoryPlan& plan) const override;
};

/// The largest that a crop of an image of that size to its foreground can be.
Int3 largest_crop(const Int3& size, const CropForeground& params);

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

}  // namespace voxd
