#include <algorithm>
#include <functional>

#include "gpu_transforms/argmax_linear_axes.h"
#include "gpu_transforms/argmax_on_grid.h"
#include "gpu_transforms/argmax_rows.h"
#include "gpu_transforms/labels.h"
#include "gpu_transforms/prepared_resampling.h"
#include "gpu_transforms/resized_planes.h"
#include "gpu_transforms/undo.h"

namespace voxd {
namespace {

/// Whether undoing the step makes new values out of several.
struct Interpolates {
  bool nearest_interp;

  bool operator()(const AppliedOrientation&) const { return false; }
  bool operator()(const AppliedCrop&) const { return false; }
  bool operator()(const AppliedPad&) const { return false; }
  bool operator()(const AppliedResize& step) const {
    const Interpolation mode = resize_back(step, nearest_interp).mode;
    return (mode == Interpolation::area || mode == Interpolation::trilinear) &&
           resized(step.before.size, step.params) != step.before.size;
  }
  bool operator()(const AppliedSpacing& step) const {
    return resample_back(step, nearest_interp).mode == GridMode::bilinear && !same_grid(step.after, step.before);
  }
};

/// Labels of a volume [C, whole] that `planes` makes a part of at a time.
DeviceVolume argmax_of_parts(std::int32_t channels, const Geometry& whole,
                             const std::function<DeviceVolume(std::int32_t begin, std::int32_t end)>& planes,
                             Workspace& workspace) {
  DeviceVolume labels(label_type(channels), 1, whole, workspace);
  const std::int64_t plane = std::int64_t{whole.size[1]} * whole.size[2];
  const auto many = static_cast<std::int32_t>(
      std::clamp<std::int64_t>(kPartBytes / (4 * channels * plane), 1, std::max(1, whole.size[0])));
  for (std::int32_t begin = 0; begin < whole.size[0]; begin += many) {
    const std::int32_t end = std::min(whole.size[0], begin + many);
    argmax_into(planes(begin, end), labels, begin * plane, workspace);
  }
  return labels;
}

/// argmax(undo(step, volume)) of a step that interpolates.
struct UndoToLabels {
  const DeviceVolume& volume;  ///< float32
  bool nearest_interp;
  Workspace& workspace;

  DeviceVolume operator()(const AppliedSpacing& step) const {
    require_size(volume, step.after.size);
    const auto prepared = prepare_resampling(volume.with_affine(step.after.affine), step.before,
                                             resample_back(step, nearest_interp), workspace);
    if (!prepared->separable)
      return argmax_of_parts(
          volume.channels(), step.before,
          [&](std::int32_t begin, std::int32_t end) {
            return sample(planes_of(*prepared, begin, end), step.before.affine, false, workspace);
          },
          workspace);
    DeviceVolume labels(label_type(volume.channels()), 1, step.before, workspace);
    argmax_linear_axes(*prepared, labels, workspace);
    return labels;
  }
  DeviceVolume operator()(const AppliedResize& step) const {
    require_size(volume, resized(step.before.size, step.params));
    const Resize back = resize_back(step, nearest_interp);
    return argmax_of_parts(
        volume.channels(), step.before,
        [&](std::int32_t begin, std::int32_t end) { return resized_planes(volume, back, begin, end, workspace); },
        workspace);
  }
  template <class Other>
  DeviceVolume operator()(const Other&) const {
    fail(Code::internal, "argmax_on_grid: a step that does not interpolate");
  }
};

/// Undoes a step that does not interpolate on labels, whose type stays.
struct UndoOnLabels {
  const DeviceVolume& labels;
  bool nearest_interp;
  Workspace& workspace;

  DeviceVolume operator()(const AppliedSpacing& step) const {
    require_size(labels, step.after.size);
    const auto prepared = prepare_resampling(labels.with_affine(step.after.affine), step.before,
                                             resample_back(step, nearest_interp), workspace);
    return prepared ? sample(*prepared, step.before.affine, true, workspace) : labels;
  }
  DeviceVolume operator()(const AppliedResize& step) const {
    const Int3 from = resized(step.before.size, step.params), &to = step.before.size;
    require_size(labels, from);
    if (from == to) return labels;
    const bool exact = resize_back(step, nearest_interp).mode == Interpolation::nearest_exact;
    return sample_nearest(labels, make_nearest_axis(from[0], to[0], exact, workspace).axis,
                          make_nearest_axis(from[1], to[1], exact, workspace).axis,
                          make_nearest_axis(from[2], to[2], exact, workspace).axis, step.before, workspace);
  }
  template <class Other>
  DeviceVolume operator()(const Other& step) const {
    return invert(labels, {step}, nearest_interp, workspace);
  }
};

/// Undoes the first `count` steps on labels.
DeviceVolume undone_on_labels(DeviceVolume labels, const SpatialTrace& trace, std::size_t count, bool nearest_interp,
                              Workspace& workspace) {
  for (std::size_t i = count; i-- > 0;) {
    labels = std::visit(UndoOnLabels{labels, nearest_interp, workspace}, trace[i]);
    labels = on_grid_before(trace[i], labels);
  }
  return labels;
}

}  // namespace

DeviceVolume invert_labels(const DeviceVolume& labels, const SpatialTrace& trace, Workspace& workspace) {
  if (!is_label_type(labels.dtype()))
    fail(Code::invalid_argument, "labels: voxels of ", name_of(labels.dtype()), ", must be uint8 or uint16");
  return undone_on_labels(labels, trace, trace.size(), true, workspace);
}

std::size_t step_with_argmax(const SpatialTrace& trace, bool nearest_interp) {
  const auto first = std::find_if(trace.begin(), trace.end(), [&](const AppliedTransform& step) {
    return std::visit(Interpolates{nearest_interp}, step);
  });
  return static_cast<std::size_t>(first - trace.begin());
}

DeviceVolume argmax_on_grid(const DeviceVolume& volume, const SpatialTrace& trace, bool nearest_interp,
                            Workspace& workspace) {
  const std::size_t fused = step_with_argmax(trace, nearest_interp);
  if (fused == trace.size())
    return undone_on_labels(argmax(volume, workspace), trace, fused, nearest_interp, workspace);
  const SpatialTrace later(trace.begin() + static_cast<std::ptrdiff_t>(fused) + 1, trace.end());
  const DeviceVolume undone = to_float32(invert(volume, later, nearest_interp, workspace), workspace);
  const DeviceVolume labels = std::visit(UndoToLabels{undone, nearest_interp, workspace}, trace[fused]);
  return undone_on_labels(on_grid_before(trace[fused], labels), trace, fused, nearest_interp, workspace);
}

}  // namespace voxd
