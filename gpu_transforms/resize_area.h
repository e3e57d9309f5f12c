#pragma once

#include "gpu_transforms/device_volume.h"

namespace voxd {

/// Enqueues torch's adaptive average pooling of float32 `volume` into `result`, whose size says what to. Sums are
/// formed in its order: bit for bit the same.
void resize_area(const DeviceVolume& volume, DeviceVolume& result, Workspace& workspace);

}  // namespace voxd
