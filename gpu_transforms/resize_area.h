#pragma once

#include "gpu_transforms/device_volume.h"
#include "gpu_transforms/scaled_box.h"

namespace voxd {

/// Enqueues torch's adaptive average pooling of float32 `volume` to size `whole`, of which `result` holds the planes
/// from `first` on. Sums are formed in its order: bit for bit the same.
void resize_area(const DeviceVolume& volume, const Int3& whole, std::int32_t first, DeviceVolume& result,
                 Workspace& workspace);

/// The same of a box whose voxels are scaled when they are read: its rows exist in a team's scratch memory only.
void resize_area(const ScaledBox& box, DeviceVolume& result, Workspace& workspace);

}  // namespace voxd
