#pragma once

#include <cstdint>

#include "gpu_transforms/volume/dtype.h"
#include "gpu_transforms/volume/geometry.h"

// What a transform takes from the workspace beside its input and output, at most: to state a job's memory before it
// runs. Where a bound is for a size alone, it holds whichever axis is Z. Bytes; Error{invalid_argument} if they do not
// fit 63 bits.
namespace voxd {

/// Two bits per voxel, 8 bytes per row, 12 per run of foreground of which a row can have one at every other voxel;
/// before that, without applied labels, a counter per label that there can be.
std::int64_t keep_largest_connected_component_scratch_bytes(const Int3& size);

/// One bit per voxel of a channel, and as much for runs or labels as above.
std::int64_t fill_holes_scratch_bytes(std::int32_t channels, const Int3& size);

/// The same for the voxels of all channels.
std::int64_t remove_small_objects_scratch_bytes(std::int32_t channels, const Int3& size);

/// The extremes of every 4096 values.
std::int64_t scale_intensity_scratch_bytes(std::int32_t channels, const Int3& size);

/// One bit per voxel.
std::int64_t label_to_contour_scratch_bytes(std::int32_t channels, const Int3& size);

/// The extent of each row and of each plane.
std::int64_t foreground_box_scratch_bytes(std::int32_t channels, const Int3& size);

/// The weights of the Gaussian along each axis that Resize may smooth with.
std::int64_t gaussian_kernels_bytes(const Int3& size);

/// Histograms for each set of values: one, or one per channel.
std::int64_t percentiles_scratch_bytes(std::int32_t sets);

/// A partial sum per 4096 values.
std::int64_t normalize_intensity_scratch_bytes(std::int32_t channels, const Int3& size);

/// Of resample(), spacing() and undoing it: a table per axis, a copy of the volume where another axis becomes Z or its
/// type is not one that is read as it is, and in mode bilinear a slab of planes.
std::int64_t resample_scratch_bytes(DType dtype, std::int32_t channels, const Geometry& from, const Geometry& to);

}  // namespace voxd
