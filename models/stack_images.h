#pragma once

#include <vector>

#include "gpu_transforms/volume/host_volume.h"

namespace voxd {

/// Images of one grid as the channels of one volume with `channels` channels in all, in order: of their own type where
/// that is the same for all, else float32. Memory comes from `allocate`.
HostVolume stack_images(const std::vector<HostVolume>& images, std::int32_t channels, const HostAllocator& allocate);

}  // namespace voxd
