#pragma once

#include <cmath>
#include <cstdint>

#include "gpu_transforms/axis_table.h"
#include "gpu_transforms/resample.h"

// Where the voxels of one grid lie in another, and which voxels there are read. Positions are float64; everything that
// decides about a voxel is here once, for tables and for the path without them, and computes the same on every backend.
namespace voxd {

/// Source position of an index of the target, in voxels: position[a] = at[a] + the sum of step[a][b] * index[b].
struct GridMap {
  double step[3][3];
  double at[3];
  std::int32_t in[3], out[3];  ///< sizes of source and target
  std::int32_t first_x;        ///< the target may be a part of a grid: planes first_x .. first_x + out[0] - 1
  bool z_first;                ///< the order in which the axes are interpolated
  Outside outside;
  bool align_corners;
};

/// A coordinate mirrored between `low` and `high` as often as it takes; torch's reflect_coordinates.
VOXD_HD inline double mirrored(double at, double low, double high) {
  const double span = high - low;
  if (!(span > 0)) return 0;
  const double beyond = fabs(at - low);
  const double extra = fmod(beyond, span);
  const double flips = floor(beyond / span);
  return fmod(flips, 2.0) == 0 ? extra + low : span - extra + low;
}

/// The position of 0..n-1 that is read for `at`; a NaN reads 0.
VOXD_HD inline double settled(double at, std::int32_t n, Outside outside, bool align_corners) {
  if (outside == Outside::reflection) at = align_corners ? mirrored(at, 0, n - 1) : mirrored(at, -0.5, n - 0.5);
  at = at > 0 ? at : 0;
  return at < n - 1 ? at : n - 1;
}

/// The voxel that is read in mode nearest; `at` is settled. Halves go to the even neighbour.
VOXD_HD inline std::int32_t nearest_at(double at) { return static_cast<std::int32_t>(nearbyint(at)); }

/// With Outside::zeros, the share of a position (not settled) that lies on the grid: 1 inside, 0 from one voxel
/// outside.
VOXD_HD inline double coverage(double at, std::int32_t n, GridMode mode) {
  if (mode == GridMode::nearest) return nearbyint(at) >= 0 && nearbyint(at) <= n - 1 ? 1 : 0;
  const double beyond = at < 0 ? -at : at - (n - 1);
  return beyond <= 0 ? 1 : beyond < 1 ? 1 - beyond : 0;
}

/// The two voxels that a position (not settled) lies between, and what they count.
struct Tap {
  std::int32_t lower, upper;
  double lower_weight, upper_weight;
};

/// A voxel that has no neighbour on the grid is its own, with half of the weight each: an infinite one times 0 would be
/// NaN.
VOXD_HD inline Tap tap_at(double at, std::int32_t n, Outside outside, bool align_corners) {
  const double on_grid = settled(at, n, outside, align_corners);
  const std::int32_t lower = static_cast<std::int32_t>(on_grid);
  const double beyond = on_grid - lower;
  if (outside == Outside::zeros) {
    const double share = coverage(at, n, GridMode::bilinear);
    if (share < 1) return {lower, lower, share / 2, share / 2};
  }
  const bool last = lower >= n - 1;
  return {lower, last ? lower : lower + 1, last ? 0.5 : 1 - beyond, last ? 0.5 : beyond};
}

/// Interpolation in float64, as MONAI's: then rounded to float32 once, the result is MONAI's to the last bit but for
/// one value in some millions. An infinite neighbour of weight 0 gives NaN, as there.
VOXD_HD inline double interpolated(double lower, double lower_weight, double upper, double upper_weight) {
  return fma(lower, lower_weight, upper * upper_weight);
}

/// A tap per index of an axis.
struct TapAxis {
  std::int32_t *lower, *upper;
  double *lower_weight, *upper_weight;

  /// Of the values at an index's two voxels.
  template <class T>
  VOXD_HD double of(const T* values, std::int32_t i) const {
    return interpolated(static_cast<double>(values[lower[i]]), lower_weight[i], static_cast<double>(values[upper[i]]),
                        upper_weight[i]);
  }
};

/// One axis of a map that is a diagonal.
struct AxisMap {
  double step, at;
  std::int32_t in, out, first;
  Outside outside;
  bool align_corners;

  VOXD_HD double position(std::int32_t i) const { return step * (i + first) + at; }
  VOXD_HD double settled_position(std::int32_t i) const { return settled(position(i), in, outside, align_corners); }
};

inline AxisMap axis_of(const GridMap& map, int a) {
  return {map.step[a][a], map.at[a], map.in[a], map.out[a], a == 0 ? map.first_x : 0, map.outside, map.align_corners};
}

struct FillTaps {
  TapAxis axis;
  AxisMap map;
  VOXD_HD FillTaps row(std::int64_t) const { return *this; }
  VOXD_HD void operator()(std::int32_t i) const {
    const Tap tap = tap_at(map.position(i), map.in, map.outside, map.align_corners);
    axis.lower[i] = tap.lower;
    axis.upper[i] = tap.upper;
    axis.lower_weight[i] = tap.lower_weight;
    axis.upper_weight[i] = tap.upper_weight;
  }
};

struct FillNearestTaps {
  NearestAxis axis;
  AxisMap map;
  VOXD_HD FillNearestTaps row(std::int64_t) const { return *this; }
  VOXD_HD void operator()(std::int32_t i) const { axis.index[i] = nearest_at(map.settled_position(i)); }
};

}  // namespace voxd
