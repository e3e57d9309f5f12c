#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>

#include "gpu_transforms/box_rows.h"
#include "gpu_transforms/foreground.h"
#include "gpu_transforms/fused.h"
#include "gpu_transforms/parallel.h"
#include "gpu_transforms/range_scaling.h"
#include "gpu_transforms/spatial.h"

namespace voxd {
namespace {

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

template <bool kRescale>
struct IsPositiveScaled {
  ScaleVoxel<kRescale> scale;
  template <class T>
  VOXD_HD bool operator()(T value) const {
    return scale(value) > 0;
  }
};

/// What IsPositiveScaled says, in one comparison.
struct IsBeyond {
  float threshold;
  bool upwards;
  template <class T>
  VOXD_HD bool operator()(T value) const {
    const float v = static_cast<float>(value);
    return upwards ? v >= threshold : v <= threshold;
  }
};

/// The extent of one row along Z: voxels to bytes, which are then searched eight at a time from both ends.
template <class T, class Predicate>
struct RowExtent {
  const T* in;
  std::int32_t nz;
  Predicate is_foreground;
  Extent* out;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    auto* flags = reinterpret_cast<std::uint8_t*>(team.scratch);
    const T* row = in + r * nz;
    const std::int32_t words = (nz + 7) / 8;
    const Predicate holds = is_foreground;
    team.each(nz, [=](std::int32_t z) { flags[z] = static_cast<std::uint8_t>(holds(row[z])); });
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

std::vector<int> checked_channels(const std::vector<int>& channels, std::int32_t count) {
  for (const int channel : channels)
    if (channel < -count || channel >= count)
      fail(Code::invalid_argument, "channel_indices: ", channel, ", the volume has ", count, " channels");
  std::vector<int> result = channels;
  for (int& channel : result) channel = channel < 0 ? channel + count : channel;  // Python counts from the end
  return result;
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
    const std::int64_t length = std::int64_t{within_reach(end, "margin")} - within_reach(start, "margin");
    const std::int64_t wanted = k[axis] > 0 ? (length + k[axis] - 1) / k[axis] * k[axis] : length;
    start -= (wanted - length) / 2;
    box.start[axis] = within_reach(start, "k_divisible");
    box.end[axis] = within_reach(start + wanted, "k_divisible");
  }
  return box;
}

/// Of the chosen channels, or of all if none is chosen. Synchronizes.
template <class Predicate>
Extent3 foreground_extent(const DeviceVolume& volume, Predicate predicate, std::vector<int> channels,
                          Workspace& workspace) {
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
                              RowExtent<T, Predicate>{in, nz, predicate, rows.get()});
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

/// Rounded subtraction, division, multiplication, addition and clipping never turn the order of two values round, as
/// long as no parameter makes NaN of a number: what is > 0 then begins at one float32, which bisection finds.
template <bool kRescale>
std::optional<IsBeyond> threshold_of(const ScaleVoxel<kRescale>& scale) {
  const RangeScaling& s = scale.s;
  const float slope = s.rescale ? s.factor : 1;
  if (!std::isfinite(s.shift) || !std::isfinite(s.divisor) || !std::isfinite(slope) || !std::isfinite(s.offset) ||
      s.divisor == 0 || slope == 0)
    return std::nullopt;
  const bool upwards = (s.divisor > 0) == (slope > 0);
  // Bits that count the float32 numbers from the one that scales to least.
  const auto number = [&](std::int64_t i) {
    const auto magnitude = static_cast<std::uint32_t>(std::abs(i));
    const float value = std::bit_cast<float>(magnitude);
    return (i < 0) == upwards ? -value : value;
  };
  constexpr std::int64_t kInfinity = 0x7f800000;
  std::int64_t low = -kInfinity, high = kInfinity + 1;  // the first that is > 0 is in low..high
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (scale(number(middle)) > 0) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  // Nothing is beyond NaN.
  const float first = low > kInfinity ? std::numeric_limits<float>::quiet_NaN() : number(low);
  return IsBeyond{first, upwards};
}

template <class Predicate>
Box box_of(const DeviceVolume& volume, Predicate predicate, const CropForeground& params, Workspace& workspace) {
  for (const int margin : per_axis("margin", params.margin))
    if (margin < 0) fail(Code::invalid_argument, "margin: ", margin, ", must be 0 or more");
  per_axis("k_divisible", params.k_divisible);
  const std::vector<int> channels = checked_channels(params.channel_indices, volume.channels());
  if (volume.empty()) return {};
  const Extent3 found = foreground_extent(volume, predicate, channels, workspace);
  if (found.axis[2].empty()) return {};
  Box tight;
  for (int axis = 0; axis < 3; ++axis) {
    tight.start[axis] = found.axis[axis].first;
    tight.end[axis] = found.axis[axis].last + 1;
  }
  return widened(tight, params, volume.size());
}

template <bool kRescale>
Box scaled_box_of(const DeviceVolume& volume, const ScaleVoxel<kRescale>& scale, const CropForeground& params,
                  Workspace& workspace) {
  const std::optional<IsBeyond> beyond = threshold_of(scale);
  return beyond ? box_of(volume, *beyond, params, workspace)
                : box_of(volume, IsPositiveScaled<kRescale>{scale}, params, workspace);
}

}  // namespace

Box foreground_box(const DeviceVolume& volume, const CropForeground& params, Workspace& workspace) {
  return box_of(volume, IsPositive{}, params, workspace);
}

Box scaled_foreground_box(const DeviceVolume& volume, const ScaleIntensityRange& scaling, const CropForeground& params,
                          Workspace& workspace) {
  const RangeScaling s = range_scaling(scaling);
  return s.rescale ? scaled_box_of(volume, ScaleVoxel<true>{s}, params, workspace)
                   : scaled_box_of(volume, ScaleVoxel<false>{s}, params, workspace);
}

}  // namespace voxd
