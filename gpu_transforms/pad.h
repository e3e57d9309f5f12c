#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gpu_transforms/device_volume.h"

// Boxes of voxels taken out of an image, and what such a box holds beyond the image: MONAI's pads, and the padding part
// of its CropForeground, with MONAI 1.6.1's semantics and names. Each function enqueues on the workspace's stream,
// returns without synchronizing and computes the affine of its result; the dtype stays.
namespace voxd {

/// Half-open box of voxel indices; start may be negative and end past the image.
struct Box {
  Int3 start{}, end{};
  Int3 size() const { return {end[0] - start[0], end[1] - start[1], end[2] - start[2]}; }
  friend bool operator==(const Box&, const Box&) = default;
};

/// What stands beyond the voxels a..z of an axis: `constant` a value, `edge` aaaa|a..z|zzzz, `reflect` ..cb|a..z|yx..,
/// `symmetric` ..ba|a..z|zy.., `wrap` ..yz|a..z|ab..; `minimum` and `maximum` the least or greatest of a..z. NaN counts
/// as both. Where several axes are left, one after the other does so.
enum class PadMode { constant, edge, reflect, symmetric, wrap, minimum, maximum };
/// By NumPy's name, or torch's "replicate" for edge and "circular" for wrap. Throws Error{unimplemented} for NumPy's
/// other modes, Error{invalid_argument} for what is none.
PadMode pad_mode_of(const std::string& mode);
std::string_view name_of(PadMode mode);

struct Padding {
  PadMode mode = PadMode::constant;
  double value = 0;  ///< of mode constant
};

/// The voxels inside the box, and padding where it reaches beyond the image. Padding sees the voxels of the box only:
/// as MONAI, which crops before it pads. Output plus no scratch. An empty box gives an empty volume.
/// Throws Error{invalid_argument} if the value does not fit the dtype, if there is no voxel to pad with, or if
/// `reflect` is asked for as many voxels as there are.
DeviceVolume crop(const DeviceVolume& volume, const Box& box, const Padding& padding, Workspace& workspace);
/// Beyond the image is `value`.
DeviceVolume crop(const DeviceVolume& volume, const Box& box, double value, Workspace& workspace);

/// Pads to a size.
struct SpatialPad {
  std::vector<int> spatial_size;  ///< one for all axes or one per axis; an axis as long or longer stays, as with <= 0
  bool at_end = false;            ///< method "end"; else as much before as after, one voxel more after if need be
  Padding padding;
};
/// Pads to multiples.
struct DivisiblePad {
  std::vector<int> k;  ///< one for all axes or one per axis; <= 0 keeps the axis
  bool at_end = false;
  Padding padding;
};
/// Pads by a width.
struct BorderPad {
  std::vector<int> spatial_border;  ///< one for all borders, one per axis, or two per axis; < 0 is 0
  Padding padding;
};

/// What the pad makes of an image of `size`, in its voxels: a box that holds all of it. Throws Error{invalid_argument}
/// on a wrong number of values, or if the box reaches further than 2^29 voxels.
Box padded_box(const Int3& size, const SpatialPad& params);
Box padded_box(const Int3& size, const DivisiblePad& params);
Box padded_box(const Int3& size, const BorderPad& params);

/// As crop() to the padded box.
DeviceVolume spatial_pad(const DeviceVolume& volume, const SpatialPad& params, Workspace& workspace);
DeviceVolume divisible_pad(const DeviceVolume& volume, const DivisiblePad& params, Workspace& workspace);
DeviceVolume border_pad(const DeviceVolume& volume, const BorderPad& params, Workspace& workspace);

}  // namespace voxd
