#pragma once

#include <cmath>
#include <optional>
#include <vector>

#include "gpu_transforms/windows.h"
#include "tests/support/reference.h"

// Sliding windows in plain loops over lists of windows, as MONAI's Python has them.
namespace voxd::test {

/// Start of each window along one axis of `size` voxels.
inline std::vector<int> window_starts(int size, int roi, double overlap) {
  int interval = roi == size ? roi : static_cast<int>(roi * (1 - overlap));
  if (interval < 1) interval = 1;
  std::vector<int> starts;
  for (int start = 0;; start += interval) {
    starts.push_back(std::min(start, size - roi));
    if (start + roi >= size) return starts;
  }
}

/// Index in 0..n-1 of position i of an axis that is padded beyond it, -1 for the constant.
inline int padded_index(PadMode mode, int i, int n) {
  if (i >= 0 && i < n) return i;
  switch (mode) {
    case PadMode::edge: return i < 0 ? 0 : n - 1;
    case PadMode::reflect: return i < 0 ? -i : 2 * (n - 1) - i;
    case PadMode::wrap: return i < 0 ? i + n : i - n;
    default: return -1;
  }
}

inline Grid<float> reference_importance_map(const Int3& roi, const SlidingWindows& params) {
  Grid<float> map(1, roi, 1);
  if (params.mode == WindowMode::constant) return map;
  std::vector<float> axes[3];
  for (int a = 0; a < 3; ++a)
    for (int i = 0; i < roi[a]; ++i) {
      const double sigma = roi[a] * params.sigma_scale[params.sigma_scale.size() == 1 ? 0 : a];
      const float distance = static_cast<float>(i) - static_cast<float>((roi[a] - 1) / 2.0);
      const float exponent = distance * distance / static_cast<float>(-2 * sigma * sigma);
      axes[a].push_back(static_cast<float>(std::exp(static_cast<double>(exponent))));
    }
  for_each_voxel(roi, [&](int x, int y, int z) {
    const volatile float plane = axes[0][x] * axes[1][y];
    const float weight = plane * axes[2][z];
    map.at(0, x, y, z) = std::max(weight, 1e-3f);
  });
  return map;
}

/// A prediction that depends on the place in the window: what channel c makes of the value `in` at i, j, k.
inline float predicted(float in, int c, int i, int j, int k) {
  volatile float value = in * static_cast<float>(c + 1);
  value = value - 0.25f * static_cast<float>((i + 2 * j + 3 * k + c) % 17);
  return value;
}

/// All of sliding-window inference with `predicted` as the network: `channels` out of the image's first one, at
/// `factor` times the windows' size along each axis (voxel i is made from voxel i / factor). Empty if the scaled
/// windows do not come out at whole sizes.
inline std::optional<Grid<float>> reference_windows(const HostVolume& image, const SlidingWindows& params, int channels,
                                                    const Vec3& factor) {
  const Grid<float> in(image);
  const Int3 n = in.size();
  Int3 roi, size, before, roi_out, size_out;
  std::vector<int> starts[3];
  bool is_padded = false;
  for (int a = 0; a < 3; ++a) {
    roi[a] = params.roi_size[params.roi_size.size() == 1 ? 0 : a];
    if (roi[a] <= 0) roi[a] = n[a];
    size[a] = std::max(n[a], roi[a]);
    before[a] = (size[a] - n[a]) / 2;
    is_padded = is_padded || size[a] != n[a];
    starts[a] = window_starts(size[a], roi[a], params.overlap[params.overlap.size() == 1 ? 0 : a]);
    roi_out[a] = static_cast<int>(roi[a] * factor[a]);
    const double scale = double(roi_out[a]) / roi[a];
    size_out[a] = static_cast<int>(size[a] * scale);
    for (int& start : starts[a]) {
      const int end = static_cast<int>((start + roi[a]) * scale);
      if (end - static_cast<int>(start * scale) != roi_out[a]) return std::nullopt;
    }
  }
  const Grid<float> map = reference_importance_map(roi, params);
  Grid<float> sum(channels, size_out, 0), count(1, size_out, 0);
  for (int x : starts[0])
    for (int y : starts[1])
      for (int z : starts[2])
        for_each_voxel(roi_out, [&](int i, int j, int k) {
          const Int3 start = {x, y, z}, at = {i, j, k};
          Int3 from, weight_at, to;
          bool outside = false;
          for (int a = 0; a < 3; ++a) {
            const double scale = double(roi_out[a]) / roi[a];
            const int position = start[a] + std::min(static_cast<int>(at[a] / factor[a]), roi[a] - 1);
            from[a] = padded_index(params.padding.mode, position - before[a], n[a]);
            outside = outside || from[a] < 0;
            weight_at[a] = std::min(static_cast<int>((at[a] + 0.5) * roi[a] / roi_out[a]), roi[a] - 1);
            to[a] = static_cast<int>(start[a] * scale) + at[a];
          }
          const float value = outside ? static_cast<float>(params.padding.value) : in.at(0, from[0], from[1], from[2]);
          const float weight = map.at(0, weight_at[0], weight_at[1], weight_at[2]);
          count.at(0, to[0], to[1], to[2]) += weight;
          for (int c = 0; c < channels; ++c) {
            volatile float weighted = predicted(value, c, i, j, k) * weight;
            sum.at(c, to[0], to[1], to[2]) += weighted;
          }
        });
  Int3 first{}, last = size_out;
  for (int a = 0; a < 3 && is_padded; ++a) {
    const double zoom = double(size_out[a]) / roi[a];
    first[a] = static_cast<int>(std::nearbyint(before[a] * zoom));
    last[a] = std::min(size_out[a], static_cast<int>(std::nearbyint((before[a] + n[a]) * zoom)));
  }
  Grid<float> result(channels, {last[0] - first[0], last[1] - first[1], last[2] - first[2]}, 0);
  for (int c = 0; c < channels; ++c)
    for_each_voxel(result.size(), [&](int x, int y, int z) {
      const int i = x + first[0], j = y + first[1], k = z + first[2];
      result.at(c, x, y, z) = sum.at(c, i, j, k) / count.at(0, i, j, k);
    });
  return result;
}

}  // namespace voxd::test
