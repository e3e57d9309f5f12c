#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gpu_transforms/device_volume.h"

// A volume's values on another grid in the same patient.
namespace voxd {

/// How values between voxels are made; MONAI's (torch's grid_sample's) names. bilinear is trilinear in three
/// dimensions.
enum class GridMode { bilinear, nearest };
/// What lies outside of the grid: the voxel at its border, 0, or the grid mirrored at its border.
enum class Outside { border, zeros, reflection };

/// "bilinear", "nearest"; "border", "zeros", "reflection". Each throws Error{unimplemented} naming another.
GridMode grid_mode_of(const std::string& mode);
Outside outside_of(const std::string& padding_mode);
std::string_view name_of(GridMode mode);
std::string_view name_of(Outside outside);

struct Resampling {
  GridMode mode = GridMode::bilinear;
  Outside outside = Outside::border;
  /// Whether "outside" begins at the centres of the outermost voxels or at their edges (reflection); a result that is
  /// one voxel long along an axis is read at index 0.5 of it, as in MONAI.
  bool align_corners = false;
};

/// Whether MONAI sees no difference between the grids: sizes are equal, and the affines, or one step of the index map
/// between them, differ by no more than about 1e-3.
bool same_grid(const Geometry& from, const Geometry& to);

/// MONAI's SpatialResample: the volume's values at the voxels of `target`, float32. Computed in float64 and rounded
/// once, as there. NaN goes to all that it is a neighbour of, and so does an infinity of weight 0. A grid that is the
/// same (above) gives the volume as float32, on its own grid. Enqueues. Memory: the output, tables of the axes, and
/// resample_scratch_bytes() of scratch.h. Throws Error{invalid_argument} for an empty volume or grid, or one whose
/// affine cannot be inverted.
DeviceVolume resample(const DeviceVolume& volume, const Geometry& target, const Resampling& how, Workspace& workspace);

}  // namespace voxd
