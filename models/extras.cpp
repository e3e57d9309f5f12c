#include "models/extras.h"

#include "gpu_transforms/labels.h"
#include "gpu_transforms/scratch.h"

namespace voxd {
namespace {

/// A label map that was interpolated has fractions.
DeviceVolume nearest_labels(const DeviceVolume& mask, Workspace& workspace) {
  if (is_label_type(mask.dtype())) return mask;
  AsDiscrete rounding;
  rounding.rounding = true;
  return cast_to(as_discrete(mask, rounding, workspace), DType::u16, workspace);
}

PlannedVolume plan_nearest_labels(const PlannedVolume& mask, MemoryPlan& plan) {
  if (is_label_type(mask.dtype)) return mask;
  const PlannedVolume rounded(DType::f32, mask.channels, mask.geometry(), plan);
  return {DType::u16, mask.channels, mask.geometry(), plan};
}

}  // namespace

void add_extras(const DeviceVolume& mask, const Extras& extras, Workspace& workspace, const HostAllocator& allocate,
                PipelineResult& result) {
  if (!extras.contour && !extras.components) return;
  const DeviceVolume labels = nearest_labels(mask, workspace);
  if (extras.contour) result.contour = download(label_boundary(labels, workspace), workspace, allocate);
  if (extras.components && labels.channels() == 1) result.components = count_components(labels, workspace);
}

void plan_extras(const PlannedVolume& mask, const Extras& extras, MemoryPlan& plan) {
  if (!extras.contour && !extras.components) return;
  const PlannedVolume labels = plan_nearest_labels(mask, plan);
  if (extras.contour) plan.scratch(labels.bytes());
  if (extras.components) plan.scratch(keep_largest_connected_component_scratch_bytes(labels.size));
}

}  // namespace voxd
