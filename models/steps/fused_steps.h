#pragma once

#include <string>
#include <utility>
#include <vector>

#include "models/steps/step.h"
#include "models/steps/step_params.h"

// Steps that stand for several neighbours of a chain and do in one pass what those do one after the other;
// models/fuse.h puts them in. Each is of one item.
namespace voxd {

/// ScaleIntensityRanged, CropForegroundd to its own foreground and Resized in mode area, bit for bit: neither the
/// scaled image nor the crop is ever there.
class ScaleCropResized final : public Step {
 public:
  ScaleCropResized(const std::string& key, const ScaleIntensityRange& scale, CropForeground foreground, Resize resize)
      : Step("ScaleIntensityRanged, CropForegroundd and Resized", {key}),
        scaling(scale),
        crop(std::move(foreground)),
        resizing(std::move(resize)) {}
  const ScaleIntensityRange scaling;
  const CropForeground crop;
  const Resize resizing;

  bool moves_voxels() const override { return true; }
  void apply(Dictionary& dictionary, JobContext& context) const override;
  void plan(PlannedDictionary& dictionary, MemoryPlan& plan) const override;
};

/// Invertd and AsDiscreted(argmax): the labels of the inverted scores, which are never there as a whole.
class InvertArgmaxd final : public Step {
 public:
  InvertArgmaxd(const std::string& key, std::string original, bool nearest)
      : Step("Invertd and AsDiscreted", {key}), orig_key(std::move(original)), nearest_interp(nearest) {}
  const std::string orig_key;
  const bool nearest_interp;

  std::vector<std::string> needs() const override { return {orig_key}; }
  void apply(Dictionary& dictionary, JobContext& context) const override;
  void plan(PlannedDictionary& dictionary, MemoryPlan& plan) const override;
};

}  // namespace voxd
