#pragma once

#include <variant>
#include <vector>

#include "gpu_transforms/resample.h"
#include "gpu_transforms/spatial.h"

// What is kept of the spatial transforms that a volume went through, and how they are undone.
namespace voxd {

/// One applied spatial transform, as much of it as undoing needs.
struct AppliedOrientation {
  Geometry before;
};
struct AppliedCrop {
  Geometry before;
  Box box;
};
struct AppliedPad {
  Geometry before;
  Box box;
};
struct AppliedResize {
  Geometry before;
  Resize params;
};
struct AppliedSpacing {
  Geometry before, after;
  Resampling how;
};
using AppliedTransform = std::variant<AppliedOrientation, AppliedCrop, AppliedPad, AppliedResize, AppliedSpacing>;
/// In the order of application.
using SpatialTrace = std::vector<AppliedTransform>;

/// Undoes the trace from its end (MONAI's Invert): orientation exactly, crop by zero padding, padding by cropping,
/// resize by resizing back and spacing by resampling back, in the same mode, or with nearest_interp in mode nearest.
/// The result has the first `before` geometry, exactly. Throws Error{failed_precondition} when the volume's size is not
/// the one that the trace ends on.
DeviceVolume invert(const DeviceVolume& volume, const SpatialTrace& trace, bool nearest_interp, Workspace& workspace);

}  // namespace voxd
