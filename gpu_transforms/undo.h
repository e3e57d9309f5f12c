#pragma once

#include "gpu_transforms/invert.h"

// What invert() and argmax_on_grid() share.
namespace voxd {

/// The resize and the resampling that undo a step.
Resize resize_back(const AppliedResize& step, bool nearest_interp);
Resampling resample_back(const AppliedSpacing& step, bool nearest_interp);

/// Throws Error{failed_precondition} where the volume is not of the size that the recorded step ends on.
void require_size(const DeviceVolume& volume, const Int3& expected);

/// The same voxels with exactly the geometry that was before the step: what was undone may differ from it by rounding.
DeviceVolume on_grid_before(const AppliedTransform& step, const DeviceVolume& volume);

}  // namespace voxd
