#pragma once

#include <cstdint>
#include <optional>

#include "gpu_transforms/device_volume.h"

// What ScaleIntensityRange and ScaleIntensityRangePercentiles share.
namespace voxd {

/// y = (x - shift) / divisor, then y * factor + offset if `rescale`, then clipped to low..high; in float32, each
/// operation rounded.
struct RangeScaling {
  float shift, divisor;
  float factor, offset;
  bool rescale;
  float low, high;
};

/// divisor 0: x - shift (+ b_min), not clipped. Throws Error{invalid_argument} if clip is asked for with neither b_min
/// nor b_max.
RangeScaling range_scaling(float shift, float divisor, const std::optional<double>& b_min,
                           const std::optional<double>& b_max, bool clip);

/// Enqueues out[i] = scaled voxel first + i of the volume, any dtype. `out` may be the volume's own memory if it is
/// float32.
void scale_voxels(Stream& stream, const DeviceVolume& volume, std::int64_t first, std::int64_t count,
                  const RangeScaling& scaling, float* out);

}  // namespace voxd
