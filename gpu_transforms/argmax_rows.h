#pragma once

#include "gpu_transforms/backend.h"
#include "gpu_transforms/device_volume.h"

// What argmax() and those who fuse it with something share.
namespace voxd {

/// Whether `value` replaces `best`: larger, or the first NaN. Equal values do not.
VOXD_HD inline bool beats(float value, float best) { return !(value <= best) & (best == best); }

/// A label map's type, by the number of classes. Throws Error{invalid_argument} for none or more than 65536.
DType label_type(std::int32_t channels);

/// argmax() of all voxels of `values` (float32) into as many of `labels`, from voxel `first` on. Enqueues.
void argmax_into(const DeviceVolume& values, DeviceVolume& labels, std::int64_t first, Workspace& workspace);

}  // namespace voxd
