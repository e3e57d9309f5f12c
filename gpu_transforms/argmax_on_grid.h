#pragma once

#include "gpu_transforms/invert.h"

// The label map on an image's own grid, from class scores or labels on the network's.
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

/// invert(labels, trace, true) of a label map, uint8 or uint16, whose type stays: voxels are moved or picked. Memory: the
/// labels before and after each step, and resample_scratch_bytes(). Throws as invert() does.
DeviceVolume invert_labels(const DeviceVolume& labels, const SpatialTrace& trace, Workspace& workspace);

/// Which of the trace's steps is fused with the argmax; those before it are undone on the labels, those after it on the
/// scores. The length of the trace where none interpolates: then all are undone on the labels.
std::size_t step_with_argmax(const SpatialTrace& trace, bool nearest_interp);

inline constexpr std::int64_t kPartBytes = std::int64_t{8} << 20;

}  // namespace voxd
