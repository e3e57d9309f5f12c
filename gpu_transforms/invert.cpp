#include "gpu_transforms/invert.h"

#include "gpu_transforms/axis_moves.h"

namespace voxd {
namespace {

const Geometry& geometry_before(const AppliedTransform& step) {
  return std::visit([](const auto& applied) -> const Geometry& { return applied.before; }, step);
}

[[noreturn]] void refuse(const Int3& got, const Int3& expected) {
  fail(Code::failed_precondition, "Invert: the volume is ", to_string(got), " voxels, the recorded transforms end on ",
       to_string(expected));
}

DeviceVolume undo(const AppliedOrientation& step, const DeviceVolume& volume, bool, Workspace& workspace) {
  return move_axes(volume, moves_between(volume.geometry(), step.before), workspace);
}

/// Of the image that `box` was taken from.
DeviceVolume put_back(const Geometry& before, const Box& box, const DeviceVolume& volume, Workspace& workspace) {
  if (volume.size() != box.size()) refuse(volume.size(), box.size());
  Box back;
  for (int axis = 0; axis < 3; ++axis) {
    back.start[axis] = -box.start[axis];
    back.end[axis] = before.size[axis] - box.start[axis];
  }
  return crop(volume, back, 0, workspace);
}

DeviceVolume undo(const AppliedCrop& step, const DeviceVolume& volume, bool, Workspace& workspace) {
  return put_back(step.before, step.box, volume, workspace);
}

DeviceVolume undo(const AppliedPad& step, const DeviceVolume& volume, bool, Workspace& workspace) {
  return put_back(step.before, step.box, volume, workspace);
}

DeviceVolume undo(const AppliedResize& step, const DeviceVolume& volume, bool nearest_interp, Workspace& workspace) {
  const Int3 after = resized(step.before.size, step.params);
  if (volume.size() != after) refuse(volume.size(), after);
  const Int3& size = step.before.size;
  Resize back{.spatial_size = {size[0], size[1], size[2]},
              .mode = step.params.mode,
              .align_corners = step.params.align_corners};
  if (nearest_interp) {
    back.mode = Interpolation::nearest;
    back.align_corners = false;
  }
  return resize(volume, back, workspace);
}

/// The same voxels with exactly that geometry: what was undone may differ from it by rounding.
DeviceVolume on_grid(const DeviceVolume& volume, const Geometry& geometry) {
  if (volume.size() != geometry.size) refuse(volume.size(), geometry.size);
  return volume.with_affine(geometry.affine);
}

}  // namespace

DeviceVolume invert(const DeviceVolume& volume, const SpatialTrace& trace, bool nearest_interp, Workspace& workspace) {
  DeviceVolume result = volume;
  for (auto step = trace.rbegin(); step != trace.rend(); ++step) {
    result = std::visit([&](const auto& applied) { return undo(applied, result, nearest_interp, workspace); }, *step);
    result = on_grid(result, geometry_before(*step));
  }
  return result;
}

}  // namespace voxd
