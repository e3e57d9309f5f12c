#pragma once

#include "gpu_transforms/prepared_resampling.h"

namespace voxd {

/// argmax() of sample() of a separable bilinear resampling, into `labels`. Enqueues; tables and the slab of
/// linear_axes.h.
void argmax_linear_axes(const PreparedResampling& prepared, DeviceVolume& labels, Workspace& workspace);

}  // namespace voxd
