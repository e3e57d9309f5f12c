#pragma once

#include "gpu_transforms/intensity.h"
#include "gpu_transforms/spatial.h"

// Several transforms in one pass over the volume, with exactly the result of one after the other.
namespace voxd {

/// foreground_box of the scaled volume, which is not made. Synchronizes the stream.
Box scaled_foreground_box(const DeviceVolume& volume, const ScaleIntensityRange& scaling, const CropForeground& params,
                          Workspace& workspace);

/// Bit for bit what ScaleIntensityRange, a crop to `box` (with `value` beyond the image) and Resize to `size` in mode
/// area give. Reads any dtype; the scaled voxels exist a few rows at a time. Output plus tables of the axes.
/// Throws Error{invalid_argument} for an empty volume, box or size, or a box that reaches too far.
DeviceVolume scale_crop_resize_area(const DeviceVolume& volume, const ScaleIntensityRange& scaling, const Box& box,
                                    double value, const Int3& size, Workspace& workspace);

}  // namespace voxd
