#pragma once

#include <array>
#include <string>

#include "gpu_transforms/device_volume.h"

namespace voxd {

/// A permutation and flipping of a grid's axes: axis `a` of the result is axis from[a] of the source, backwards if
/// flipped[a].
struct AxisMoves {
  std::array<int, 3> from = {0, 1, 2};
  std::array<bool, 3> flipped = {false, false, false};
};

/// The moves that make a grid with this affine run as `axcodes` says.
AxisMoves moves_to(const Affine& affine, const std::string& axcodes);

/// The moves that turn a grid `from` into one whose affine is that of `to`. Throws Error{failed_precondition} if no
/// moves do.
AxisMoves moves_between(const Geometry& from, const Geometry& to);

/// The grid after the moves: voxels stay where they are in the patient.
Geometry moved(const Geometry& geometry, const AxisMoves& moves);

/// Enqueues the moving of the voxels; every channel alike, dtype kept.
DeviceVolume move_axes(const DeviceVolume& volume, const AxisMoves& moves, Workspace& workspace);

}  // namespace voxd
