#pragma once

#include <cmath>
#include <map>
#include <queue>
#include <vector>

#include "gpu_transforms/labels.h"
#include "tests/support/reference.h"

// What the label transforms compute, written after MONAI's code, on float values and in plain loops.
namespace voxd::test {

inline Grid<float> float_grid(const HostVolume& volume) {
  const std::vector<float> voxels = as_floats(volume);
  Grid<float> grid(volume.channels, volume.geometry.size, 0);
  for (int c = 0; c < volume.channels; ++c)
    for_each_voxel(grid.size(), [&](int x, int y, int z) { grid.at(c, x, y, z) = voxels[grid.index(c, x, y, z)]; });
  return grid;
}

/// What of channel `c` is reached from outside of the volume through voxels for which `open` holds.
template <class Open>
Grid<int> reached_from_outside(const Int3& size, int connectivity, Open open) {
  // One layer of outside around the volume.
  const Int3 padded{size[0] + 2, size[1] + 2, size[2] + 2};
  Grid<int> reached(1, padded, 0);
  std::queue<Int3> queue({{0, 0, 0}});
  reached.at(0, 0, 0, 0) = 1;
  const auto is_open = [&](int x, int y, int z) {
    const bool outside = x == 0 || y == 0 || z == 0 || x == padded[0] - 1 || y == padded[1] - 1 || z == padded[2] - 1;
    return outside || open(x - 1, y - 1, z - 1);
  };
  for (; !queue.empty(); queue.pop()) {
    const auto [x, y, z] = queue.front();
    for (int dx = -1; dx <= 1; ++dx)
      for (int dy = -1; dy <= 1; ++dy)
        for (int dz = -1; dz <= 1; ++dz) {
          const int i = x + dx, j = y + dy, k = z + dz;
          if (!connected(dx, dy, dz, connectivity) || !reached.inside(i, j, k) || reached.at(0, i, j, k) != 0) continue;
          if (!is_open(i, j, k)) continue;
          reached.at(0, i, j, k) = 1;
          queue.push({i, j, k});
        }
  }
  Grid<int> result(1, size, 0);
  for_each_voxel(size, [&](int x, int y, int z) { result.at(0, x, y, z) = reached.at(0, x + 1, y + 1, z + 1); });
  return result;
}

/// FillHoles of those labels, in that order.
inline Grid<float> filled(Grid<float> values, int channels, const std::vector<int>& labels, int connectivity) {
  for (const int label : labels) {
    const int c = channels > 1 ? label : 0;
    const auto is_other = [&](int x, int y, int z) {
      return channels > 1 ? values.at(c, x, y, z) == 0 : values.at(c, x, y, z) != static_cast<float>(label);
    };
    const Grid<int> outside = reached_from_outside(values.size(), connectivity, is_other);
    for_each_voxel(values.size(), [&](int x, int y, int z) {
      const bool in = outside.at(0, x, y, z) == 0;
      if (channels > 1) {
        values.at(c, x, y, z) = in;
      } else if (in) {
        values.at(c, x, y, z) = static_cast<float>(label);
      }
    });
  }
  return values;
}

/// Number of voxels of the component of each voxel, over channels as a fourth axis; 0 where the mask is.
inline Grid<int> component_sizes(const Grid<int>& mask, int channels, int connectivity) {
  const Int3& n = mask.size();
  Grid<int> sizes(channels, n, 0);
  for (int c = 0; c < channels; ++c)
    for_each_voxel(n, [&](int x, int y, int z) {
      if (mask.at(c, x, y, z) == 0 || sizes.at(c, x, y, z) != 0) return;
      std::vector<std::array<int, 4>> found = {{c, x, y, z}};
      sizes.at(c, x, y, z) = -1;
      for (std::size_t next = 0; next < found.size(); ++next)
        for (int step = 0; step < 81; ++step) {
          const int dc = step / 27 - 1, dx = step / 9 % 3 - 1, dy = step / 3 % 3 - 1, dz = step % 3 - 1;
          const int axes = std::abs(dc) + std::abs(dx) + std::abs(dy) + std::abs(dz);
          const auto [d, i, j, k] =
              std::array{found[next][0] + dc, found[next][1] + dx, found[next][2] + dy, found[next][3] + dz};
          if (axes > connectivity || d < 0 || d >= channels || !mask.inside(i, j, k)) continue;
          if (mask.at(d, i, j, k) == 0 || sizes.at(d, i, j, k) != 0) continue;
          sizes.at(d, i, j, k) = -1;
          found.push_back({d, i, j, k});
        }
      for (const auto& [d, i, j, k] : found) sizes.at(d, i, j, k) = static_cast<int>(found.size());
    });
  return sizes;
}

/// RemoveSmallObjects by number of voxels.
inline std::vector<float> without_small(const Grid<float>& values, int channels, int min_size, int connectivity,
                                        bool independent) {
  std::vector<float> result = values.voxels();
  const auto [low, high] = std::minmax_element(result.begin(), result.end());
  if (*low == *high) return result;
  if (independent && *high > 1) {
    std::map<int, int> counts;
    for (const float v : result) ++counts[static_cast<int>(v)];
    for (float& v : result) v = counts[static_cast<int>(v)] < min_size ? 0.0f : std::trunc(v);
    return result;
  }
  Grid<int> mask(channels, values.size(), 0);
  for (int c = 0; c < channels; ++c)
    for_each_voxel(values.size(), [&](int x, int y, int z) {
      const float v = values.at(c, x, y, z);
      mask.at(c, x, y, z) = independent ? v != 0 : v > 0;
    });
  const Grid<int> sizes = component_sizes(mask, channels, connectivity);
  for (std::size_t i = 0; i < result.size(); ++i) {
    const bool kept = mask.voxels()[i] != 0 && sizes.voxels()[i] >= min_size;
    result[i] = independent ? static_cast<float>(kept) : result[i] * static_cast<float>(kept);
  }
  return result;
}

}  // namespace voxd::test
