#pragma once

#include "gpu_transforms/device_volume.h"

namespace voxd {

/// MONAI's GaussianSmooth (approx "erf") of a float32 volume: convolved along X, then Y, then Z, with zeros beyond the
/// border; `sigma` in voxels, >= 0. Also with sigma 0 a kernel has three weights (0, 1, 0), so that what is not finite
/// spreads to its neighbours, as it does in MONAI. Enqueues. Scratch: a copy of the volume and the kernels.
DeviceVolume gaussian_smooth(const DeviceVolume& volume, const Vec3& sigma, Workspace& workspace);

}  // namespace voxd
