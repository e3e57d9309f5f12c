#pragma once

#include <cstdint>

#include "gpu_transforms/device_volume.h"

namespace voxd {

/// The smallest and the largest of some values, as float32. Both NaN if any value is.
struct Extremes {
  float low, high;
};

/// Enqueues *out = the extremes of the voxels first .. first + count - 1, of which there must be one or more. Any
/// dtype. Scratch: 8 bytes per 4096 voxels.
void find_extremes(const DeviceVolume& volume, std::int64_t first, std::int64_t count, Extremes* out,
                   Workspace& workspace);

}  // namespace voxd
