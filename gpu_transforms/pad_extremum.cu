#include <algorithm>

#include "gpu_transforms/pad_extremum.h"
#include "gpu_transforms/parallel.h"

// Along X and Y the extremum of many neighbouring lines is formed at once. Along Z, where a line is a row, its pieces
// are joined, and the result is halved until one voxel is left: the order is free, as an extremum has no rounding.
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

constexpr std::int32_t kPiece = 1024;  ///< neighbouring lines that a team treats at once

/// Lines along X or Y that begin at `span` neighbouring voxels: those of a plane, or of a row. What they begin at may
/// be padding along a later axis, which is padded after them.
template <class T, bool kLargest>
struct PadAcross {
  T* out;
  BoxAxis axis;
  std::int64_t span;  ///< also the step between voxels of a line
  std::int64_t pieces;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    T* best = reinterpret_cast<T*>(team.scratch);
    const std::int64_t first = r % pieces * kPiece, left = span - first;
    const std::int32_t n = left < kPiece ? static_cast<std::int32_t>(left) : kPiece;
    T* line = out + r / pieces * axis.length * span + first;
    const T* inside = line + axis.before * span;
    // No sync: a lane meets the same lines throughout.
    team.each(n, [=](std::int32_t i) { best[i] = inside[i]; });
    for (std::int32_t at = 1; at < axis.inside; ++at) {
      const T* row = inside + at * span;
      team.each(n, [=](std::int32_t i) { best[i] = Extremum<T, kLargest>::of(best[i], row[i]); });
    }
    for (std::int32_t at = 0; at < axis.length - axis.inside; ++at) {
      T* row = line + (at < axis.before ? at : at + axis.inside) * span;
      team.each(n, [=](std::int32_t i) { row[i] = best[i]; });
    }
  }
};

constexpr std::int32_t kWidth = 32;  ///< a row is reduced to this many voxels, which are then halved

template <class T, bool kLargest>
struct PadAlong {
  T* out;
  BoxAxis axis;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    T* best = reinterpret_cast<T*>(team.scratch);
    T* row = out + r * axis.length;
    const T* inside = row + axis.before;
    const std::int32_t n = axis.inside;
    team.each(kWidth, [=](std::int32_t i) { best[i] = inside[i < n ? i : 0]; });
    for (std::int32_t z = kWidth; z < n; z += kWidth) {
      // The last piece begins early enough to be whole: what is met twice changes nothing.
      const T* piece = inside + (z + kWidth <= n ? z : n - kWidth);
      team.each(kWidth, [=](std::int32_t i) { best[i] = Extremum<T, kLargest>::of(best[i], piece[i]); });
    }
    team.sync();
    for (std::int32_t half = kWidth / 2; half > 0; half /= 2) {
      team.each(half, [=](std::int32_t i) { best[i] = Extremum<T, kLargest>::of(best[i], best[i + half]); });
      team.sync();
    }
    T* after = row + axis.before + axis.inside;
    team.each(axis.before, [=](std::int32_t z) { row[z] = best[0]; });
    team.each(axis.after(), [=](std::int32_t z) { after[z] = best[0]; });
  }
};

template <class T, bool kLargest>
void pad_across(T* out, std::int64_t blocks, const BoxAxis& axis, std::int64_t span, Stream& stream) {
  if (axis.inside == axis.length) return;
  const std::int64_t pieces = (span + kPiece - 1) / kPiece;
  parallel::for_each_team(stream, blocks * pieces, axis.length * std::min<std::int64_t>(span, kPiece),
                          kPiece * sizeof(T), PadAcross<T, kLargest>{out, axis, span, pieces});
}

template <class T, bool kLargest>
void pad(T* out, std::int64_t channels, const std::array<BoxAxis, 3>& axes, Stream& stream) {
  const auto& [x, y, z] = axes;
  const std::int64_t row = z.length, plane = row * y.length, rows = channels * x.length * y.length;
  pad_across<T, kLargest>(out, channels, x, plane, stream);
  pad_across<T, kLargest>(out, channels * x.length, y, row, stream);
  if (z.inside < z.length)
    parallel::for_each_team(stream, rows, z.length, kWidth * sizeof(T), PadAlong<T, kLargest>{out, z});
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
