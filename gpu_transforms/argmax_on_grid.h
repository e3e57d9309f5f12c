#pragma once

#include "gpu_transforms/invert.h"

// The label map on an image's own grid, from class scores on the network's.
namespace voxd {

/// argmax(invert(volume, trace, nearest_interp)), voxel for voxel, without the inverted volume: what moves or picks
/// voxels (orientation, crop, pad, nearest neighbours) is undone on the labels; of the steps that interpolate, those
/// that were applied last are undone channel by channel, each on its own grid, and the first one, which leads back to
/// the image's grid or near it, is fused with the argmax:
///   Spacing along the axes: in the kernel; scores are interpolated and compared in registers and one row of scratch
///   Spacing at an angle, Resize: part by part along X, kPartBytes of scores at a time (at least one plane)
/// [C,X,Y,Z] -> [1,X,Y,Z] uint8 (uint16 above 256 channels). Enqueues.
/// Memory: the labels before and after each step that is undone on them, resample_scratch_bytes() or kPartBytes, and
/// for more than one interpolating step what invert() takes for the others. Throws as invert() and argmax() do.
DeviceVolume argmax_on_grid(const DeviceVolume& volume, const SpatialTrace& trace, bool nearest_interp,
                            Workspace& workspace);

inline constexpr std::int64_t kPartBytes = std::int64_t{8} << 20;

}  // namespace voxd
