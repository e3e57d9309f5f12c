#pragma once

#include <optional>
#include <vector>

#include "gpu_transforms/resample.h"

// MONAI 1.6.1's Spacing: a volume on a grid of another voxel size, in the same place in the patient.
namespace voxd {

struct Spacing {
  std::vector<double> pixdim;  ///< mm per axis of the voxel grid; <= 0 keeps the axis; the last goes for those missing
  std::vector<double> min_pixdim;  ///< per axis, empty or missing: none. An axis whose spacing lies between
  std::vector<double> max_pixdim;  ///< min_pixdim, pixdim and max_pixdim (give or take 1e-3 mm) is kept
  bool diagonal = false;           ///< the new grid runs along the patient's axes, R, A and S
  bool scale_extent = false;       ///< sizes by the extent of voxels, not by the distance of their centres
  bool recompute_affine = false;   ///< as in MONAI, the affine then becomes the ratio of sizes and nothing else
  Resampling resampling;
};

/// Throws Error{invalid_argument} naming the number that can be in no such parameters.
void check_spacing(const Spacing& params);

/// The grid that the result lies on, computed as MONAI does (float64, the same order of operations, halves of a voxel
/// rounded to the even size): new column lengths on the affine's rotation, shear dropped; the corner that comes first
/// along all axes stays where it is, or where there is none (shear, diagonal) the middles do. `size`: instead of the
/// computed one. Where MONAI does not resample (same_grid), the grid is returned as it is.
/// Throws Error{invalid_argument} on a wrong number or value of pixdim, on a grid of no or too many voxels, or on an
/// affine that cannot be inverted.
Geometry spaced(const Geometry& geometry, const Spacing& params, const std::optional<Int3>& size = std::nullopt);

/// The volume on spaced(its grid), float32. Enqueues; memory and errors as resample().
DeviceVolume spacing(const DeviceVolume& volume, const Spacing& params, Workspace& workspace,
                     const std::optional<Int3>& size = std::nullopt);

}  // namespace voxd
