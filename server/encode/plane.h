#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "gpu_transforms/volume/host_volume.h"

namespace voxd {

/// For each anatomical direction R, A, S: the voxel axis that runs closest to it, and whether its index rises towards
/// the opposite (L, P, I).
struct Orientation {
  std::array<int, 3> voxel_axis{};
  std::array<bool, 3> reversed{};
};

/// The assignment of voxel axes to anatomical ones with the smallest angles in sum.
Orientation closest_orientation(const Affine& affine);

/// A plane of a volume, ready to show: `across` runs to the right of the screen, `down` downwards.
template <class T>
struct Plane {
  int across = 0;
  int down = 0;
  std::vector<T> values;  // across contiguous

  T at(int u, int v) const {
    return values[static_cast<std::size_t>(v) * static_cast<std::size_t>(across) + static_cast<std::size_t>(u)];
  }
};

/// Cuts the first channel through voxel `centre` so that the screen's left is the + end of anatomical axis `left` and
/// its top that of `top` (0: R, 1: A, 2: S).
template <class T>
Plane<T> cut_plane(const HostVolume& volume, const Orientation& orientation, const Int3& centre, std::size_t left,
                   std::size_t top) {
  const Int3& size = volume.geometry.size;
  const std::array<std::int64_t, 3> stride{std::int64_t{size[1]} * size[2], size[2], 1};
  const auto u_axis = static_cast<std::size_t>(orientation.voxel_axis[left]);
  const auto v_axis = static_cast<std::size_t>(orientation.voxel_axis[top]);

  // The screen starts at the + end: at index 0 where the axis runs against the direction, at the last index where it
  // runs along.
  Int3 corner = centre;
  corner[u_axis] = orientation.reversed[left] ? 0 : size[u_axis] - 1;
  corner[v_axis] = orientation.reversed[top] ? 0 : size[v_axis] - 1;
  const std::int64_t u_step = orientation.reversed[left] ? stride[u_axis] : -stride[u_axis];
  const std::int64_t v_step = orientation.reversed[top] ? stride[v_axis] : -stride[v_axis];
  const std::int64_t start = corner[0] * stride[0] + corner[1] * stride[1] + corner[2] * stride[2];

  Plane<T> plane{size[u_axis], size[v_axis], {}};
  plane.values.reserve(static_cast<std::size_t>(plane.across) * static_cast<std::size_t>(plane.down));
  visit_dtype(volume.dtype, [&](auto zero) {
    const auto voxels = volume.as<decltype(zero)>();
    for (std::int64_t v = 0; v < plane.down; ++v)
      for (std::int64_t u = 0; u < plane.across; ++u)
        plane.values.push_back(static_cast<T>(voxels[static_cast<std::size_t>(start + u * u_step + v * v_step)]));
  });
  return plane;
}

/// The plane at `width` x `height` pixels, bilinear between the voxels' centres, averaged where a pixel covers more
/// than one voxel.
std::vector<float> resample(const Plane<float>& plane, int width, int height);

/// The label at the centre of each pixel: the one with the largest share of the four voxels around, each weighted by
/// its nearness, so that outlines run smoothly between voxels. Of equal shares the lowest label wins.
std::vector<std::uint16_t> resample_labels(const Plane<std::uint16_t>& plane, int width, int height);

}  // namespace voxd
