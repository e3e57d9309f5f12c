#include <algorithm>
#include <cmath>
#include <limits>

#include "gpu_transforms/parallel.h"
#include "gpu_transforms/spatial.h"
#include "gpu_transforms/volume/checked.h"

namespace voxd {
namespace {

template <class T>
struct CropRow {
  const T* in;
  T* out;
  std::int32_t in_size[3], out_size[3], start[3];
  T value;

  /// `from`..`to` is the part of the row that lies inside of the image.
  struct Row {
    const T* in;
    T* out;
    std::int32_t from, to;
    T value;
    VOXD_HD void operator()(std::int32_t z) const { out[z] = z >= from && z < to ? in[z] : value; }
  };
  VOXD_HD Row row(std::int64_t r) const {
    const std::int64_t y = r % out_size[1] + start[1], x = r / out_size[1] % out_size[0] + start[0],
                       channel = r / out_size[1] / out_size[0];
    T* to = out + r * out_size[2];
    if (x < 0 || x >= in_size[0] || y < 0 || y >= in_size[1]) return {in, to, 0, 0, value};
    return {in + ((channel * in_size[0] + x) * in_size[1] + y) * in_size[2] + start[2], to, -start[2],
            in_size[2] - start[2], value};
  }
};

/// The same for a box inside of the image along Z and with all rows inside: nothing to decide per voxel.
template <class T>
struct CopyRow {
  CropRow<T> crop;
  struct Row {
    const T* in;
    T* out;
    VOXD_HD void operator()(std::int32_t z) const { out[z] = in[z]; }
  };
  VOXD_HD Row row(std::int64_t r) const {
    const auto whole = crop.row(r);
    return {whole.in, whole.out};
  }
};

/// First and last foreground index along an axis; first > last where there is none.
struct Extent {
  std::int32_t first, last;
  VOXD_HD bool empty() const { return first > last; }
  VOXD_HD void include(const Extent& other) {
    first = first < other.first ? first : other.first;
    last = last > other.last ? last : other.last;
  }
};
constexpr Extent kNothing = {std::numeric_limits<std::int32_t>::max(), -1};

/// The extent of one row along Z: voxels to bytes, which are then searched eight at a time from both ends.
template <class T>
struct RowExtent {
  const T* in;
  std::int32_t nz;
  Extent* out;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    auto* flags = reinterpret_cast<std::uint8_t*>(team.scratch);
    const T* row = in + r * nz;
    const std::int32_t words = (nz + 7) / 8;
    team.each(nz, [=](std::int32_t z) { flags[z] = static_cast<std::uint8_t>(row[z] > T{0}); });
    team.each(words * 8 - nz, [=, n = nz](std::int32_t i) { flags[n + i] = 0; });
    team.sync();
    Extent* extent = out + r;
    team.each(1, [=](std::int32_t) {
      const auto* eight = reinterpret_cast<const std::uint64_t*>(flags);
      std::int32_t first = 0, last = words - 1;
      while (first < words && eight[first] == 0) ++first;
      while (last > first && eight[last] == 0) --last;
      *extent = first == words ? Extent(kNothing)
                               : Extent{first * 8 + trailing_zeros(eight[first]) / 8,
                                        last * 8 + 7 - leading_zeros(eight[last]) / 8};
    });
  }
};

struct Extent3 {
  Extent axis[3];
};

/// The box of one plane of rows (one x of one channel).
struct PlaneExtent {
  const Extent* rows;
  std::int32_t nx, ny;
  Extent3* out;
  VOXD_HD void operator()(std::int64_t plane) const {
    Extent3 box = {{kNothing, kNothing, kNothing}};
    const std::int32_t x = static_cast<std::int32_t>(plane % nx);
    for (std::int32_t y = 0; y < ny; ++y) {
      const Extent row = rows[plane * ny + y];
      if (row.empty()) continue;
      box.axis[0] = {x, x};
      box.axis[1].include({y, y});
      box.axis[2].include(row);
    }
    out[plane] = box;
  }
};

struct JoinPlanes {
  using Value = Extent3;
  const Extent3* planes;
  VOXD_HD Extent3 identity() const { return {{kNothing, kNothing, kNothing}}; }
  VOXD_HD Extent3 join(Extent3 a, const Extent3& b) const {
    for (int i = 0; i < 3; ++i) a.axis[i].include(b.axis[i]);
    return a;
  }
  VOXD_HD Extent3 value(std::int64_t i) const { return planes[i]; }
};

/// One value for all axes, or one per axis.
Int3 per_axis(const char* name, const std::vector<int>& values) {
  if (values.size() == 1) return {values[0], values[0], values[0]};
  if (values.size() != 3) fail(Code::invalid_argument, name, ": ", values.size(), " values, must be 1 or 3");
  return {values[0], values[1], values[2]};
}

std::vector<int> checked_channels(const std::vector<int>& channels, std::int32_t count) {
  for (const int channel : channels)
    if (channel < -count || channel >= count)
      fail(Code::invalid_argument, "channel_indices: ", channel, ", the volume has ", count, " channels");
  std::vector<int> result = channels;
  for (int& channel : result) channel = channel < 0 ? channel + count : channel;  // Python counts from the end
  return result;
}

// Far beyond any image, and differences of such coordinates still fit 32 bits.
constexpr std::int64_t kReach = 1 << 29;

std::int32_t narrowed(std::int64_t value, const char* name) {
  if (value < -kReach || value > kReach)
    fail(Code::invalid_argument, name, ": the box reaches to voxel ", value, ", at most ", kReach);
  return static_cast<std::int32_t>(value);
}

/// Margin and divisibility of a box that was found tight around the foreground.
Box widened(const Box& tight, const CropForeground& params, const Int3& size) {
  const Int3 margin = per_axis("margin", params.margin), k = per_axis("k_divisible", params.k_divisible);
  Box box;
  for (int axis = 0; axis < 3; ++axis) {
    std::int64_t start = std::int64_t{tight.start[axis]} - margin[axis],
                 end = std::int64_t{tight.end[axis]} + margin[axis];
    if (params.allow_smaller) {
      start = std::max<std::int64_t>(start, 0);
      end = std::min<std::int64_t>(end, size[axis]);
    }
    const std::int64_t length = std::int64_t{narrowed(end, "margin")} - narrowed(start, "margin");
    const std::int64_t wanted = k[axis] > 0 ? (length + k[axis] - 1) / k[axis] * k[axis] : length;
    start -= (wanted - length) / 2;
    box.start[axis] = narrowed(start, "k_divisible");
    box.end[axis] = narrowed(start + wanted, "k_divisible");
  }
  return box;
}

template <class T>
T checked_value(double value) {
  if constexpr (std::is_floating_point_v<T>) return static_cast<T>(value);
  // Compared as float64 against the first value beyond the range, which a float64 holds exactly.
  const double beyond = std::ldexp(1.0, std::numeric_limits<T>::digits);
  if (!(value >= static_cast<double>(std::numeric_limits<T>::min()) && value < beyond && value == std::floor(value)))
    fail(Code::invalid_argument, "value: ", value, " does not fit ", name_of(dtype_of<T>));
  return static_cast<T>(value);
}

Geometry cropped(const Geometry& geometry, const Box& box) {
  Geometry result{box.size(), geometry.affine};
  const Vec3 origin = apply(geometry.affine, {double(box.start[0]), double(box.start[1]), double(box.start[2])});
  for (int row = 0; row < 3; ++row) result.affine[row][3] = origin[row];
  return result;
}

bool inside(const Box& box, const Int3& size) {
  for (int axis = 0; axis < 3; ++axis)
    if (box.start[axis] < 0 || box.end[axis] > size[axis]) return false;
  return true;
}

/// Of the chosen channels, or of all if none is chosen. Synchronizes.
Extent3 foreground_extent(const DeviceVolume& volume, std::vector<int> channels, Workspace& workspace) {
  const auto [nx, ny, nz] = volume.size();
  const std::int64_t planes = channels.empty() ? std::int64_t{nx} * volume.channels() : nx;  // at once
  if (channels.empty()) channels = {0};
  Stream& stream = workspace.stream();
  const auto rows = workspace.allocate_array<Extent>(planes * ny);
  const auto boxes = workspace.allocate_array<Extent3>(planes);
  const auto found = workspace.allocate_array<Extent3>(static_cast<std::int64_t>(channels.size()));
  for (std::size_t i = 0; i < channels.size(); ++i) {
    visit_dtype(volume.dtype(), [&](auto zero) {
      using T = decltype(zero);
      const T* in = volume.data<T>() + channels[i] * volume.geometry().voxels();
      parallel::for_each_team(stream, planes * ny, nz, static_cast<std::size_t>(nz + 7) / 8 * 8,
                              RowExtent<T>{in, nz, rows.get()});
    });
    parallel::for_each_index(stream, planes, 8 * std::int64_t{ny}, PlaneExtent{rows.get(), nx, ny, boxes.get()});
    parallel::reduce(stream, planes, JoinPlanes{boxes.get()}, found.get() + i);
  }
  const JoinPlanes joiner{nullptr};
  Extent3 all = joiner.identity();
  for (const Extent3& box : parallel::read_back(stream, found.get(), static_cast<std::int64_t>(channels.size())))
    all = joiner.join(all, box);
  return all;
}

}  // namespace

Box foreground_box(const DeviceVolume& volume, const CropForeground& params, Workspace& workspace) {
  for (const int margin : per_axis("margin", params.margin))
    if (margin < 0) fail(Code::invalid_argument, "margin: ", margin, ", must be 0 or more");
  per_axis("k_divisible", params.k_divisible);
  const std::vector<int> channels = checked_channels(params.channel_indices, volume.channels());
  if (volume.empty()) return {};
  const Extent3 found = foreground_extent(volume, channels, workspace);
  if (found.axis[2].empty()) return {};
  Box tight;
  for (int axis = 0; axis < 3; ++axis) {
    tight.start[axis] = found.axis[axis].first;
    tight.end[axis] = found.axis[axis].last + 1;
  }
  return widened(tight, params, volume.size());
}

DeviceVolume crop(const DeviceVolume& volume, const Box& box, double value, Workspace& workspace) {
  for (int axis = 0; axis < 3; ++axis)
    if (box.start[axis] > box.end[axis] || box.start[axis] < -kReach || box.end[axis] > kReach)
      fail(Code::invalid_argument, "box: from ", box.start[axis], " to ", box.end[axis], " along axis ", axis,
           ", at most ", kReach, " from 0");
  if (box.start == Int3{} && box.end == volume.size()) return volume;
  DeviceVolume result(volume.dtype(), volume.channels(), cropped(volume.geometry(), box), workspace);
  if (result.empty()) return result;
  visit_dtype(volume.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const Int3 from = volume.size(), to = box.size();
    const CropRow<T> rows{volume.data<T>(),
                          result.mutable_data<T>(),
                          {from[0], from[1], from[2]},
                          {to[0], to[1], to[2]},
                          {box.start[0], box.start[1], box.start[2]},
                          inside(box, from) ? T{} : checked_value<T>(value)};
    const std::int64_t count = std::int64_t{result.channels()} * to[0] * to[1];
    if (inside(box, from)) {
      parallel::for_each_row(workspace.stream(), count, to[2], CopyRow<T>{rows});
    } else {
      parallel::for_each_row(workspace.stream(), count, to[2], rows);
    }
  });
  return result;
}

}  // namespace voxd
