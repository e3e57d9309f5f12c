#pragma once

#include <array>

#include "gpu_transforms/box_rows.h"
#include "gpu_transforms/stream.h"

namespace voxd {

/// Enqueues the padding of a volume, whose voxels inside of the image are there, with the minimum or maximum of each
/// line of them: along X, then along Y of what X has made, then along Z, as NumPy does. No memory but the volume's.
void pad_with_extremum(DeviceVolume& volume, const std::array<BoxAxis, 3>& axes, PadMode mode, Stream& stream);

}  // namespace voxd
