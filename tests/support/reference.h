#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <queue>
#include <vector>

#include "gpu_transforms/intensity.h"
#include "gpu_transforms/labels.h"
#include "gpu_transforms/spatial.h"

// What the kernels compute, in plain loops that one can check by reading.
namespace voxd::test {

/// Access by channel and index, for any type.
template <class T>
class Grid {
 public:
  explicit Grid(const HostVolume& volume)
      : size_(volume.geometry.size), voxels_(volume.as<T>().begin(), volume.as<T>().end()) {}
  Grid(std::int32_t channels, const Int3& size, T value)
      : size_(size), voxels_(static_cast<std::size_t>(channels) * size[0] * size[1] * size[2], value) {}

  const Int3& size() const { return size_; }
  const std::vector<T>& voxels() const { return voxels_; }
  std::size_t index(int c, int x, int y, int z) const {
    return ((static_cast<std::size_t>(c) * size_[0] + x) * size_[1] + y) * size_[2] + z;
  }
  T& at(int c, int x, int y, int z) { return voxels_[index(c, x, y, z)]; }
  const T& at(int c, int x, int y, int z) const { return voxels_[index(c, x, y, z)]; }
  bool inside(int x, int y, int z) const {
    return x >= 0 && x < size_[0] && y >= 0 && y < size_[1] && z >= 0 && z < size_[2];
  }
  T at_or(int c, int x, int y, int z, T outside) const { return inside(x, y, z) ? at(c, x, y, z) : outside; }

 private:
  Int3 size_;
  std::vector<T> voxels_;
};

/// Calls f(x, y, z) in raster order.
template <class F>
void for_each_voxel(const Int3& size, F f) {
  for (int x = 0; x < size[0]; ++x)
    for (int y = 0; y < size[1]; ++y)
      for (int z = 0; z < size[2]; ++z) f(x, y, z);
}

inline bool same(float a, float b) { return a == b || (std::isnan(a) && std::isnan(b)); }

/// How many voxels differ; NaN equals NaN.
template <class T>
std::size_t differences(const HostVolume& got, const std::vector<T>& wanted) {
  const auto voxels = got.as<T>();
  if (voxels.size() != wanted.size()) return std::max(voxels.size(), wanted.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if constexpr (std::is_floating_point_v<T>) {
      count += !same(voxels[i], wanted[i]);
    } else {
      count += voxels[i] != wanted[i];
    }
  }
  return count;
}

inline std::vector<float> as_floats(const HostVolume& volume) {
  std::vector<float> values;
  visit_dtype(volume.dtype, [&](auto zero) {
    for (const auto voxel : volume.as<decltype(zero)>()) values.push_back(static_cast<float>(voxel));
  });
  return values;
}

/// ScaleIntensityRange of one value, with float32 arithmetic in MONAI's order.
inline float scaled(float x, float a_min, float a_range, std::optional<double> b_min, std::optional<double> b_max,
                    bool clip) {
  volatile float y = x - a_min;  // volatile: every operation is rounded
  if (a_range == 0) {
    if (b_min) y = y + static_cast<float>(*b_min);
    return y;
  }
  y = y / a_range;
  if (b_min && b_max) {
    y = y * static_cast<float>(*b_max - *b_min);
    y = y + static_cast<float>(*b_min);
  }
  if (clip && b_min && y < static_cast<float>(*b_min)) y = static_cast<float>(*b_min);
  if (clip && b_max && y > static_cast<float>(*b_max)) y = static_cast<float>(*b_max);
  return y;
}

/// Adaptive average pooling: one float32 sum in x, y, z order, divided by the three widths.
inline Grid<float> pooled(const Grid<float>& in, std::int32_t channels, const Int3& out) {
  const auto begin = [](std::int64_t i, std::int64_t n, std::int64_t m) { return static_cast<int>(i * n / m); };
  const auto end = [](std::int64_t i, std::int64_t n, std::int64_t m) {
    return static_cast<int>(((i + 1) * n + m - 1) / m);
  };
  Grid<float> result(channels, out, 0);
  const Int3& n = in.size();
  for (int c = 0; c < channels; ++c)
    for_each_voxel(out, [&](int x, int y, int z) {
      const int x0 = begin(x, n[0], out[0]), x1 = end(x, n[0], out[0]), y0 = begin(y, n[1], out[1]),
                y1 = end(y, n[1], out[1]);
      const int z0 = begin(z, n[2], out[2]), z1 = end(z, n[2], out[2]);
      float sum = 0;
      for (int i = x0; i < x1; ++i)
        for (int j = y0; j < y1; ++j)
          for (int k = z0; k < z1; ++k) sum += in.at(c, i, j, k);
      sum /= static_cast<float>(x1 - x0);
      sum /= static_cast<float>(y1 - y0);
      sum /= static_cast<float>(z1 - z0);
      result.at(c, x, y, z) = sum;
    });
  return result;
}

/// Number of axes along which two neighbours may differ, for a connectivity: 1, 2 or 3.
inline bool connected(int dx, int dy, int dz, int connectivity) {
  const int axes = std::abs(dx) + std::abs(dy) + std::abs(dz);
  return axes > 0 && axes <= connectivity;
}

/// Component of each voxel by flood fill, numbered from 0 in raster order of the first voxel; -1 where `mask` is 0.
inline Grid<int> components(const Grid<int>& mask, int connectivity, std::vector<int>& sizes) {
  Grid<int> component(1, mask.size(), -1);
  sizes.clear();
  for_each_voxel(mask.size(), [&](int x, int y, int z) {
    if (mask.at(0, x, y, z) == 0 || component.at(0, x, y, z) >= 0) return;
    std::queue<Int3> open({{x, y, z}});
    const int number = static_cast<int>(sizes.size());
    component.at(0, x, y, z) = number;
    sizes.push_back(0);
    for (; !open.empty(); open.pop()) {
      ++sizes.back();
      const auto [i, j, k] = open.front();
      for (int dx = -1; dx <= 1; ++dx)
        for (int dy = -1; dy <= 1; ++dy)
          for (int dz = -1; dz <= 1; ++dz) {
            if (!connected(dx, dy, dz, connectivity) || mask.at_or(0, i + dx, j + dy, k + dz, 0) == 0) continue;
            int& other = component.at(0, i + dx, j + dy, k + dz);
            if (other >= 0) continue;
            other = number;
            open.push({i + dx, j + dy, k + dz});
          }
    }
  });
  return component;
}

/// The mask with only its `n` largest components; of equal ones the first in raster order.
inline Grid<int> largest(const Grid<int>& mask, int connectivity, int n) {
  std::vector<int> sizes;
  const Grid<int> component = components(mask, connectivity, sizes);
  std::vector<int> order(sizes.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return sizes[static_cast<std::size_t>(a)] > sizes[static_cast<std::size_t>(b)];
  });
  order.resize(std::min<std::size_t>(order.size(), static_cast<std::size_t>(n)));
  Grid<int> kept(1, mask.size(), 0);
  for_each_voxel(mask.size(), [&](int x, int y, int z) {
    kept.at(0, x, y, z) = std::find(order.begin(), order.end(), component.at(0, x, y, z)) != order.end();
  });
  return kept;
}

}  // namespace voxd::test
