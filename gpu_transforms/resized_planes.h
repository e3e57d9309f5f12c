#pragma once

#include "gpu_transforms/spatial.h"

namespace voxd {

/// resize() of a float32 volume, without its anti-aliasing, of which only planes begin..end-1 along X are made, with
/// the affine of the whole. Enqueues; output and tables of the axes.
DeviceVolume resized_planes(const DeviceVolume& volume, const Resize& params, std::int32_t begin, std::int32_t end,
                            Workspace& workspace);

}  // namespace voxd
