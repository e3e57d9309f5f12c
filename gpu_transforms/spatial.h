#pragma once

#include <string>
#include <vector>

#include "gpu_transforms/device_volume.h"
#include "gpu_transforms/pad.h"

// Spatial transforms, with MONAI 1.6.1's semantics and names; invert.h undoes them. Each enqueues on the
// workspace's stream and returns without synchronizing unless its comment says so, and computes the affine of its
// result. Channels are treated alike.
namespace voxd {

/// "RAS", "LPS", ...: the direction in which each voxel axis runs. Throws Error{invalid_argument} naming the text if it
/// is not such a code.
void check_axcodes(const std::string& axcodes);
/// The code of the grid that an affine describes (nibabel's io_orientation).
std::string axcodes_of(const Affine& affine);

/// Flips and permutes the axes so that they run as `axcodes` says; voxels are moved, never interpolated.
DeviceVolume orientation(const DeviceVolume& volume, const std::string& axcodes, Workspace& workspace);

struct CropForeground {
  std::vector<int> channel_indices;  ///< empty: all
  std::vector<int> margin = {0};     ///< one for all axes or one per axis, >= 0
  std::vector<int> k_divisible = {1};
  bool allow_smaller = false;
  Padding padding;  ///< what the box holds beyond the image
};

/// Smallest box that holds every voxel > 0 of the chosen channels (NaN is background), with margin and k_divisible
/// applied: the box that crop() takes. Box{0,0} when there is none. Synchronizes the stream: the box comes to the host.
Box foreground_box(const DeviceVolume& volume, const CropForeground& params, Workspace& workspace);

enum class Interpolation { area, trilinear, nearest, nearest_exact };
/// MONAI's name: "area", "trilinear", "nearest", "nearest-exact". Throws Error{unimplemented} naming another.
Interpolation interpolation_of(const std::string& mode);
std::string_view name_of(Interpolation mode);

struct Resize {
  std::vector<int> spatial_size;  ///< three numbers, <= 0 keeps the axis; or one for all axes (and for the longest)
  bool longest = false;           ///< size_mode "longest"
  Interpolation mode = Interpolation::area;
  bool align_corners = false;
  bool anti_aliasing = false;  ///< a Gaussian first, along the axes that shrink
  /// Its standard deviation in voxels, one for all axes or one per axis; empty: (n_in / n_out - 1) / 2.
  std::vector<double> anti_aliasing_sigma = {};
};

/// The size that Resize gives a grid of `size`. Throws Error{invalid_argument} on a wrong number of values.
Int3 resized(const Int3& size, const Resize& params);
/// The affine of a grid of `in` voxels resized to `out`: edges stay where they are; with align_corners the centres of
/// the outermost voxels do.
Affine resized_affine(const Affine& affine, const Int3& in, const Int3& out, bool align_corners);
/// Whether Resize smooths a grid of `size` first: if it is to and an axis shrinks.
bool smooths(const Int3& size, const Resize& params);
/// The grid of that size, with that affine.
Geometry resized(const Geometry& geometry, const Resize& params);
/// Float32 result; a volume that has the size already is returned unchanged (as float32).
/// area is bit for bit torch's adaptive_avg_pool3d on the CPU, trilinear its interpolate, without anti-aliasing.
/// Output plus tables of the axes; with anti-aliasing two float32 copies of the input, of which one is gone before the
/// output comes. Throws Error{invalid_argument} for an empty volume.
DeviceVolume resize(const DeviceVolume& volume, const Resize& params, Workspace& workspace);

}  // namespace voxd
