#include "models/steps/fused_steps.h"

#include <algorithm>

#include "gpu_transforms/argmax_on_grid.h"
#include "gpu_transforms/box_rows.h"
#include "gpu_transforms/fused.h"
#include "gpu_transforms/scratch.h"
#include "models/steps/spatial_plans.h"
#include "models/steps/spatial_steps.h"

namespace voxd {

void ScaleCropResized::apply(Dictionary& dictionary, JobContext& context) const {
  Dictionary::Item& item = dictionary.at(keys()[0]);
  Workspace& workspace = context.workspace;
  const Geometry before = item.volume.geometry();
  const Box box = scaled_foreground_box(item.volume, scaling, crop, workspace);
  if (box.size() == Int3{}) refuse_without_foreground("ScaleIntensityRanged");
  const Geometry cut = cropped(before, box);
  item.volume =
      scale_crop_resize_area(item.volume, scaling, box, crop.padding.value, resized(cut.size, resizing), workspace);
  item.trace.push_back(AppliedCrop{before, box});
  item.trace.push_back(AppliedResize{cut, resizing});
}

void ScaleCropResized::plan(PlannedDictionary& dictionary, MemoryPlan& plan) const {
  PlannedDictionary::Item& item = dictionary.at(keys()[0]);
  const Geometry before = item.volume.geometry();
  const Geometry cut{largest_crop(before.size, crop), before.affine};
  plan.scratch(foreground_box_scratch_bytes(item.volume.channels, before.size));
  item.trace.push_back(AppliedCrop{before, Box{{0, 0, 0}, cut.size}});
  item.trace.push_back(AppliedResize{cut, resizing});
  item.volume = PlannedVolume(DType::f32, item.volume.channels, resized(cut, resizing), plan);
}

void InvertArgmaxd::apply(Dictionary& dictionary, JobContext& context) const {
  Dictionary::Item& item = dictionary.at(keys()[0]);
  item.volume = argmax_on_grid(item.volume, dictionary.at(orig_key).trace, nearest_interp, context.workspace);
  item.trace.clear();
}

namespace {

PlannedVolume plan_labels(const PlannedVolume& scores, const Geometry& grid, MemoryPlan& plan) {
  return {scores.channels > 256 ? DType::u16 : DType::u8, 1, grid, plan};
}

/// A part of the planes, or for a resampling along the axes its tables and slab.
std::int64_t fused_scratch_bytes(const PlannedVolume& scores, const AppliedTransform& step, const Geometry& before) {
  const std::int64_t plane = checked_product({scores.channels, before.size[1], before.size[2], 4}, "memory plan");
  const std::int64_t part = std::max(kPartBytes, plane);
  const auto* spacing = std::get_if<AppliedSpacing>(&step);
  if (!spacing) return part;
  return std::max(part, resample_scratch_bytes(DType::f32, scores.channels, spacing->after, before));
}

}  // namespace

void InvertArgmaxd::plan(PlannedDictionary& dictionary, MemoryPlan& plan) const {
  PlannedDictionary::Item& item = dictionary.at(keys()[0]);
  const SpatialTrace trace = dictionary.at(orig_key).trace;
  const std::size_t fused = step_with_argmax(trace, nearest_interp);
  PlannedVolume volume = item.volume;
  for (std::size_t i = trace.size(); i-- > 0;) {
    if (i > fused) {
      volume = plan_undo(trace[i], volume, plan);
    } else if (i == fused) {
      const auto scratch = plan.allocate(fused_scratch_bytes(volume, trace[i], grid_before(trace[i])));
      volume = plan_labels(volume, grid_before(trace[i]), plan);
    } else {
      if (fused == trace.size() && i + 1 == fused) volume = plan_labels(volume, volume.geometry(), plan);
      volume = plan_undo_on_labels(trace[i], volume, plan);
    }
  }
  if (trace.empty()) volume = plan_labels(volume, volume.geometry(), plan);
  item.volume = volume;
  item.trace.clear();
}

}  // namespace voxd
