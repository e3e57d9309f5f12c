#include "gpu_transforms/invert.h"

#include "gpu_transforms/axis_moves.h"
#include "gpu_transforms/undo.h"

namespace voxd {
namespace {

const Geometry& geometry_before(const AppliedTransform& step) {
  return std::visit([](const auto& applied) -> const Geometry& { return applied.before; }, step);
}

DeviceVolume undo(const AppliedOrientation& step, const DeviceVolume& volume, bool, Workspace& workspace) {
  return move_axes(volume, moves_between(volume.geometry(), step.before), workspace);
}

/// Of the image that `box` was taken from.
DeviceVolume put_back(const Geometry& before, const Box& box, const DeviceVolume& volume, Workspace& workspace) {
  require_size(volume, box.size());
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
  require_size(volume, resized(step.before.size, step.params));
  return resize(volume, resize_back(step, nearest_interp), workspace);
}

DeviceVolume undo(const AppliedSpacing& step, const DeviceVolume& volume, bool nearest_interp, Workspace& workspace) {
  require_size(volume, step.after.size);
  return resample(volume.with_affine(step.after.affine), step.before, resample_back(step, nearest_interp), workspace);
}

}  // namespace

Resize resize_back(const AppliedResize& step, bool nearest_interp) {
  const Int3& size = step.before.size;
  Resize back{.spatial_size = {size[0], size[1], size[2]},
              .mode = step.params.mode,
              .align_corners = step.params.align_corners};
  if (nearest_interp) {
    back.mode = Interpolation::nearest;
    back.align_corners = false;
  }
  return back;
}

Resampling resample_back(const AppliedSpacing& step, bool nearest_interp) {
  Resampling back = step.how;
  if (nearest_interp) {
    back.mode = GridMode::nearest;
    back.align_corners = false;
  }
  return back;
}

void require_size(const DeviceVolume& volume, const Int3& expected) {
  if (volume.size() != expected)
    fail(Code::failed_precondition, "Invert: the volume is ", to_string(volume.size()),
         " voxels, the recorded transforms end on ", to_string(expected));
}

DeviceVolume on_grid_before(const AppliedTransform& step, const DeviceVolume& volume) {
  const Geometry& before = geometry_before(step);
  require_size(volume, before.size);
  return volume.with_affine(before.affine);
}

DeviceVolume invert(const DeviceVolume& volume, const SpatialTrace& trace, bool nearest_interp, Workspace& workspace) {
  DeviceVolume result = volume;
  for (auto step = trace.rbegin(); step != trace.rend(); ++step) {
    result = std::visit([&](const auto& applied) { return undo(applied, result, nearest_interp, workspace); }, *step);
    result = on_grid_before(*step, result);
  }
  return result;
}

}  // namespace voxd
