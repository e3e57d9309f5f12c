#include "gpu_transforms/box_rows.h"
#include "gpu_transforms/pad.h"
#include "gpu_transforms/pad_extremum.h"
#include "gpu_transforms/parallel.h"

// A row of a box is a piece of one row of the image with padding on either side. Which row that is, is decided once per
// row; the piece is copied without deciding anything per voxel; only padding along Z looks up its voxels one by one.
namespace voxd {
namespace {

/// The voxels of the image that stand for the voxels of the box.
template <class T>
struct BoxRows {
  const T* in;
  T* out;
  std::int32_t in_x, in_y, in_z;
  BoxAxis x, y, z;
  PadMode mode;

  /// The row of the image that row r of the box is read from, null if it is padding that no voxel stands for.
  VOXD_HD const T* source(std::int64_t r) const {
    const std::int32_t from_y = source_of(y, mode, static_cast<std::int32_t>(r % y.length)),
                       from_x = source_of(x, mode, static_cast<std::int32_t>(r / y.length % x.length));
    const std::int64_t channel = r / y.length / x.length;
    if (from_x < 0 || from_y < 0) return nullptr;
    return in + ((channel * in_x + from_x) * in_y + from_y) * in_z;
  }
};

/// A box inside of the image.
template <class T>
struct CopyRow {
  BoxRows<T> rows;
  struct Row {
    const T* in;
    T* out;
    VOXD_HD void operator()(std::int32_t z) const { out[z] = in[z]; }
  };
  VOXD_HD Row row(std::int64_t r) const { return {rows.source(r) + rows.z.first, rows.out + r * rows.z.length}; }
};

template <class T>
struct PadRow {
  BoxRows<T> rows;
  T value;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    const BoxAxis axis = rows.z;
    const PadMode mode = rows.mode;
    const T* in = rows.source(r);
    T* out = rows.out + r * axis.length;
    const T beyond = value;
    if (in == nullptr) {
      team.each(axis.length, [=](std::int32_t z) { out[z] = beyond; });
      return;
    }
    const auto pad = [=](std::int32_t z) {
      const std::int32_t from = source_of(axis, mode, z);
      out[z] = from < 0 ? beyond : in[from];
    };
    const T* piece = in + axis.first;
    T* to = out + axis.before;
    team.each(axis.inside, [=](std::int32_t z) { to[z] = piece[z]; });
    team.each(axis.before, pad);
    team.each(axis.after(), [=](std::int32_t i) { pad(axis.before + axis.inside + i); });
  }
};

bool is_padded(const BoxAxis& axis) { return axis.inside < axis.length; }

void check_padding(const std::array<BoxAxis, 3>& axes, PadMode mode) {
  if (mode == PadMode::constant) return;
  for (const BoxAxis& axis : axes)
    if (axis.inside == 0)
      fail(Code::invalid_argument, "mode: \"", name_of(mode), "\" needs a voxel of the image in the box");
  if (mode != PadMode::reflect) return;
  for (const BoxAxis& axis : axes)
    if (axis.before >= axis.inside || axis.after() >= axis.inside)
      fail(Code::invalid_argument, "mode: \"reflect\" of ", axis.inside, " voxels gives at most ", axis.inside - 1,
           " voxels of padding, asked for are ", axis.before, " before and ", axis.after(), " after");
}

}  // namespace

DeviceVolume crop(const DeviceVolume& volume, const Box& box, const Padding& padding, Workspace& workspace) {
  const std::array<BoxAxis, 3> axes = box_axes(box, volume.size());
  if (box.start == Int3{} && box.end == volume.size()) return volume;
  DeviceVolume result(volume.dtype(), volume.channels(), cropped(volume.geometry(), box), workspace);
  if (result.empty()) return result;
  const bool padded = is_padded(axes[0]) || is_padded(axes[1]) || is_padded(axes[2]);
  if (padded) check_padding(axes, padding.mode);
  visit_dtype(volume.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Int3 size = volume.size();
    const BoxRows<T> rows{
        volume.data<T>(), result.mutable_data<T>(), size[0], size[1], size[2], axes[0], axes[1], axes[2], padding.mode};
    const std::int64_t count = std::int64_t{result.channels()} * axes[0].length * axes[1].length;
    if (!padded) return parallel::for_each_row(workspace.stream(), count, axes[2].length, CopyRow<T>{rows});
    const T value = padding.mode == PadMode::constant ? checked_value<T>(padding.value) : T{};
    parallel::for_each_team(workspace.stream(), count, axes[2].length, 0, PadRow<T>{rows, value});
  });
  if (padded && (padding.mode == PadMode::minimum || padding.mode == PadMode::maximum))
    pad_with_extremum(result, axes, padding.mode, workspace.stream());
  return result;
}

DeviceVolume crop(const DeviceVolume& volume, const Box& box, double value, Workspace& workspace) {
  return crop(volume, box, Padding{PadMode::constant, value}, workspace);
}

DeviceVolume spatial_pad(const DeviceVolume& volume, const SpatialPad& params, Workspace& workspace) {
  return crop(volume, padded_box(volume.size(), params), params.padding, workspace);
}

DeviceVolume divisible_pad(const DeviceVolume& volume, const DivisiblePad& params, Workspace& workspace) {
  return crop(volume, padded_box(volume.size(), params), params.padding, workspace);
}

DeviceVolume border_pad(const DeviceVolume& volume, const BorderPad& params, Workspace& workspace) {
  return crop(volume, padded_box(volume.size(), params), params.padding, workspace);
}

}  // namespace voxd
