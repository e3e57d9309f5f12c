#pragma once

#include <string>
#include <vector>

#include "gpu_transforms/device_volume.h"

// Spatial transforms, with MONAI 1.6.1's semantics and names; invert.h undoes them. Each enqueues on the
// workspace's stream and returns without synchronizing unless its comment says so, and computes the affine of its
// result. Channels are treated alike.
namespace voxd {

/// Half-open box of voxel indices; start may be negative and end past the image where a margin asks for it.
struct Box {
  Int3 start{}, end{};
  Int3 size() const { return {end[0] - start[0], end[1] - start[1], end[2] - start[2]}; }
  friend bool operator==(const Box&, const Box&) = default;
};

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
  double value = 0;  ///< fills what lies outside of the image (mode "constant")
};

/// Smallest box that holds every voxel > 0 of the chosen channels (NaN is background), with margin and k_divisible
/// applied. Box{0,0} when there is none. Synchronizes the stream: the box comes to the host.
Box foreground_box(const DeviceVolume& volume, const CropForeground& params, Workspace& workspace);

/// The voxels inside the box; what the box holds beyond the image is `value`. Output plus no scratch. An empty box
/// gives an empty volume.
DeviceVolume crop(const DeviceVolume& volume, const Box& box, double value, Workspace& workspace);

enum class Interpolation { area, trilinear, nearest, nearest_exact };
/// MONAI's name: "area", "trilinear", "nearest", "nearest-exact". Throws Error{unimplemented} naming another.
Interpolation interpolation_of(const std::string& mode);
std::string_view name_of(Interpolation mode);

struct Resize {
  std::vector<int> spatial_size;  ///< three numbers, <= 0 keeps the axis; or one for all axes (and for the longest)
  bool longest = false;           ///< size_mode "longest"
  Interpolation mode = Interpolation::area;
  bool align_corners = false;
};

/// The size that Resize gives a grid of `size`. Throws Error{invalid_argument} on a wrong number of values.
Int3 resized(const Int3& size, const Resize& params);
/// Float32 result; a volume that has the size already is returned unchanged (as float32).
/// area is bit for bit torch's adaptive_avg_pool3d on the CPU, trilinear its interpolate.
/// Throws Error{invalid_argument} for an empty volume.
DeviceVolume resize(const DeviceVolume& volume, const Resize& params, Workspace& workspace);

}  // namespace voxd
