#pragma once

#include "gpu_transforms/invert.h"
#include "models/memory_plan.h"

// What spatial transforms and undoing them do to memory.
namespace voxd {

PlannedVolume plan_resize(const PlannedVolume& volume, const Resize& params, MemoryPlan& plan);
PlannedVolume plan_resample(const PlannedVolume& volume, const Geometry& target, MemoryPlan& plan);
/// Of invert(volume, {applied}, ...).
PlannedVolume plan_undo(const AppliedTransform& applied, const PlannedVolume& volume, MemoryPlan& plan);
/// Of invert_labels(labels, {applied}, ...).
PlannedVolume plan_undo_on_labels(const AppliedTransform& applied, const PlannedVolume& labels, MemoryPlan& plan);

const Geometry& grid_before(const AppliedTransform& applied);

}  // namespace voxd
