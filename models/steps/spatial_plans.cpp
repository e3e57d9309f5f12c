#include "models/steps/spatial_plans.h"

#include "gpu_transforms/scratch.h"
#include "models/steps/keyed_step.h"

namespace voxd {

PlannedVolume plan_resize(const PlannedVolume& volume, const Resize& params, MemoryPlan& plan) {
  const Geometry result = resized(volume.geometry(), params);
  PlannedVolume input = as_float32(volume, plan);
  if (result.size == volume.size) return input;
  if (!smooths(volume.size, params)) return {DType::f32, volume.channels, result, plan};
  const PlannedVolume smoothed(DType::f32, volume.channels, volume.geometry(), plan);
  plan.scratch(checked_sum(smoothed.bytes(), gaussian_kernels_bytes(volume.size), "memory plan"));
  input = {};
  return {DType::f32, volume.channels, result, plan};
}

PlannedVolume plan_resample(const PlannedVolume& volume, const Geometry& target, MemoryPlan& plan) {
  if (same_grid(volume.geometry(), target)) return as_float32(volume, plan);
  const auto scratch = plan.allocate(resample_scratch_bytes(volume.dtype, volume.channels, volume.geometry(), target));
  return {DType::f32, volume.channels, target, plan};
}

namespace {

/// The size before one transform of a trace, and the volume that undoing it makes.
struct PlanUndo {
  const PlannedVolume& volume;
  MemoryPlan& plan;

  PlannedVolume operator()(const AppliedOrientation& applied) const { return same_type(applied.before); }
  PlannedVolume operator()(const AppliedCrop& applied) const { return same_type(applied.before); }
  PlannedVolume operator()(const AppliedPad& applied) const { return same_type(applied.before); }
  PlannedVolume operator()(const AppliedResize& applied) const {
    if (applied.before.size == volume.size) return volume;
    const PlannedVolume input = as_float32(volume, plan);
    return {DType::f32, volume.channels, applied.before, plan};
  }
  PlannedVolume operator()(const AppliedSpacing& applied) const {
    PlannedVolume on_grid = volume;
    on_grid.size = applied.after.size;
    on_grid.affine = applied.after.affine;
    return plan_resample(on_grid, applied.before, plan);
  }
  PlannedVolume same_type(const Geometry& grid) const { return {volume.dtype, volume.channels, grid, plan}; }
};

}  // namespace

PlannedVolume plan_undo(const AppliedTransform& applied, const PlannedVolume& volume, MemoryPlan& plan) {
  return std::visit(PlanUndo{volume, plan}, applied);
}

const Geometry& grid_before(const AppliedTransform& applied) {
  return std::visit([](const auto& step) -> const Geometry& { return step.before; }, applied);
}

PlannedVolume plan_undo_on_labels(const AppliedTransform& applied, const PlannedVolume& labels, MemoryPlan& plan) {
  const Geometry& before = grid_before(applied);
  std::shared_ptr<const void> scratch;
  if (const auto* spacing = std::get_if<AppliedSpacing>(&applied); spacing && !same_grid(spacing->after, before))
    scratch = plan.allocate(resample_scratch_bytes(labels.dtype, labels.channels, spacing->after, before));
  return {labels.dtype, labels.channels, before, plan};
}

}  // namespace voxd
