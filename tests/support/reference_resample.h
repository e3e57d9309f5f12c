#pragma once

#include <array>
#include <cmath>
#include <vector>

#include "gpu_transforms/resample.h"
#include "tests/support/reference.h"

// torch's grid_sample in plain loops and float64, by the index map between two grids.
namespace voxd::test {

/// Mirrored at the grid's border by walking to and fro.
inline double walked_back(double at, double low, double high) {
  if (high <= low) return 0;
  while (at < low || at > high) at = at < low ? 2 * low - at : 2 * high - at;
  return at;
}

inline double on_grid(double at, int n, const Resampling& how) {
  if (how.outside == Outside::reflection)
    at = how.align_corners ? walked_back(at, 0, n - 1) : walked_back(at, -0.5, n - 0.5);
  return how.outside == Outside::zeros ? at : std::clamp(at, 0.0, double(n - 1));
}

/// One value at a position in voxels, of channel c. Voxels outside of the grid count nothing.
inline float sampled(const Grid<float>& in, int c, Vec3 at, const Resampling& how) {
  for (std::size_t a = 0; a < 3; ++a) at[a] = on_grid(at[a], in.size()[a], how);
  if (how.mode == GridMode::nearest)
    return in.at_or(c, int(std::nearbyint(at[0])), int(std::nearbyint(at[1])), int(std::nearbyint(at[2])), 0);
  double sum = 0;
  for (int corner = 0; corner < 8; ++corner) {
    const int i = int(std::floor(at[0])) + (corner & 1), j = int(std::floor(at[1])) + (corner >> 1 & 1),
              k = int(std::floor(at[2])) + (corner >> 2);
    if (!in.inside(i, j, k)) continue;
    sum +=
        (1 - std::abs(at[0] - i)) * (1 - std::abs(at[1] - j)) * (1 - std::abs(at[2] - k)) * double(in.at(c, i, j, k));
  }
  return static_cast<float>(sum);
}

/// Position of a target voxel in the source, where align_corners moves it as torch's coordinates do.
inline Vec3 source_position(const Geometry& from, const Geometry& to, const Resampling& how, int x, int y, int z) {
  Vec3 index = {double(x), double(y), double(z)};
  if (how.align_corners)
    for (std::size_t a = 0; a < 3; ++a)
      if (to.size[a] == 1) index[a] = 0.5;
  Vec3 at = voxd::apply(inverse(from.affine) * to.affine, index);
  if (how.align_corners)
    for (std::size_t a = 0; a < 3; ++a)
      if (from.size[a] == 1) at[a] = 0;
  return at;
}

/// Both are float64 rounded once, of which the last bit may go either way; where thousands cancel, so may what is left
/// of their float64 rounding.
inline bool alike(float got, float wanted) {
  if (std::isnan(wanted) || std::isinf(wanted)) return same(got, wanted);
  const float size = std::abs(wanted), ulp = std::nextafter(size, INFINITY) - size;
  return std::abs(got - wanted) <= std::max(ulp, 1e-9f);
}

/// How many values of `got` are not what the plain loop makes of `volume`. A position that rounding puts on one side or
/// the other of a voxel or of a half may be read on either side.
inline std::size_t wrong_samples(const HostVolume& volume, const HostVolume& got, const Resampling& how) {
  constexpr double kRounding = 1e-9;
  Grid<float> in(volume.channels, volume.geometry.size, 0);
  const std::vector<float> values = as_floats(volume), results = as_floats(got);
  for (int c = 0; c < volume.channels; ++c)
    for_each_voxel(in.size(), [&](int x, int y, int z) { in.at(c, x, y, z) = values[in.index(c, x, y, z)]; });
  const Grid<float> out(volume.channels, got.geometry.size, 0);
  std::size_t wrong = 0;
  for (int c = 0; c < volume.channels; ++c)
    for_each_voxel(out.size(), [&](int x, int y, int z) {
      const float result = results[out.index(c, x, y, z)];
      const Vec3 at = source_position(volume.geometry, got.geometry, how, x, y, z);
      bool right = alike(result, sampled(in, c, at, how));
      for (int side = 0; side < 8 && !right; ++side) {
        Vec3 moved = at;
        for (std::size_t a = 0; a < 3; ++a) moved[a] += (side >> a & 1) != 0 ? kRounding : -kRounding;
        right = alike(result, sampled(in, c, moved, how));
      }
      wrong += !right;
    });
  return wrong;
}

}  // namespace voxd::test
