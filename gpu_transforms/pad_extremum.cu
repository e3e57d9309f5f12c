#include "gpu_transforms/pad_extremum.h"
#include "gpu_transforms/parallel.h"

// Along X and Y the extremum of all lines of one plane is formed at once, row by row. Along Z, where a line is a row,
// it is halved until one voxel is left: the order is free, as a minimum or maximum has no rounding.
namespace voxd {
namespace {

template <class T, bool kLargest>
struct Extremum {
  /// NaN wins, as in NumPy.
  VOXD_HD static T of(T a, T b) {
    const bool first = kLargest ? a > b : a < b;
    return (first | (a != a)) != 0 ? a : b;
  }
};

/// Lines along X or Y. Team r has the lines that start at r / inner * outer_step + r % inner * inner_step, at `nz`
/// neighbouring z.
template <class T, bool kLargest>
struct PadAcross {
  T* first;
  std::int64_t inner, outer_step, inner_step;
  BoxAxis axis;
  std::int64_t step;  ///< between voxels of a line
  std::int32_t nz;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    T* best = reinterpret_cast<T*>(team.scratch);
    T* line = first + r / inner * outer_step + r % inner * inner_step;
    const T* inside = line + axis.before * step;
    // No sync: a lane meets the same z throughout.
    team.each(nz, [=](std::int32_t z) { best[z] = inside[z]; });
    for (std::int32_t i = 1; i < axis.inside; ++i) {
      const T* row = inside + i * step;
      team.each(nz, [=](std::int32_t z) { best[z] = Extremum<T, kLargest>::of(best[z], row[z]); });
    }
    for (std::int32_t i = 0; i < axis.length - axis.inside; ++i) {
      T* row = line + (i < axis.before ? i : i + axis.inside) * step;
      team.each(nz, [=](std::int32_t z) { row[z] = best[z]; });
    }
  }
};

template <class T, bool kLargest>
struct PadAlong {
  T* out;
  BoxAxis axis;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    T* best = reinterpret_cast<T*>(team.scratch);
    T* row = out + r * axis.length;
    const T* inside = row + axis.before;
    std::int32_t n = axis.inside, half = (n + 1) / 2;
    team.each(half, [=](std::int32_t i) {
      best[i] = i + half < n ? Extremum<T, kLargest>::of(inside[i], inside[i + half]) : inside[i];
    });
    team.sync();
    while (half > 1) {
      n = half;
      half = (n + 1) / 2;
      team.each(n - half, [=](std::int32_t i) { best[i] = Extremum<T, kLargest>::of(best[i], best[i + half]); });
      team.sync();
    }
    T* after = row + axis.before + axis.inside;
    team.each(axis.before, [=](std::int32_t z) { row[z] = best[0]; });
    team.each(axis.after(), [=](std::int32_t z) { after[z] = best[0]; });
  }
};

template <class T, bool kLargest>
void pad(T* out, std::int64_t channels, const std::array<BoxAxis, 3>& axes, Stream& stream) {
  const auto& [x, y, z] = axes;
  const std::int64_t row = z.length, plane = row * y.length, channel = plane * x.length;
  const std::size_t line = static_cast<std::size_t>(z.inside) * sizeof(T);
  if (x.inside < x.length)
    parallel::for_each_team(
        stream, channels * y.inside, std::int64_t{x.length} * z.inside, line,
        PadAcross<T, kLargest>{out + y.before * row + z.before, y.inside, channel, row, x, plane, z.inside});
  if (y.inside < y.length)
    parallel::for_each_team(stream, channels * x.length, std::int64_t{y.length} * z.inside, line,
                            PadAcross<T, kLargest>{out + z.before, x.length, channel, plane, y, row, z.inside});
  if (z.inside < z.length)
    parallel::for_each_team(stream, channels * x.length * y.length, z.length, line, PadAlong<T, kLargest>{out, z});
}

}  // namespace

void pad_with_extremum(DeviceVolume& volume, const std::array<BoxAxis, 3>& axes, PadMode mode, Stream& stream) {
  visit_dtype(volume.dtype(), [&](auto zero) {
    using T = decltype(zero);
    if (mode == PadMode::maximum) return pad<T, true>(volume.mutable_data<T>(), volume.channels(), axes, stream);
    pad<T, false>(volume.mutable_data<T>(), volume.channels(), axes, stream);
  });
}

}  // namespace voxd
