#pragma once

#include <cstdint>
#include <optional>

#include "gpu_transforms/backend.h"
#include "gpu_transforms/device_volume.h"
#include "gpu_transforms/intensity.h"

// What ScaleIntensityRange, ScaleIntensityRangePercentiles and the fused transforms share.
namespace voxd {

/// y = (x - shift) / divisor, then y * factor + offset if `rescale`, then clipped to low..high; in float32, each
/// operation rounded.
struct RangeScaling {
  float shift, divisor;
  float factor, offset;
  bool rescale;
  float low, high;
};

/// One voxel scaled; kRescale as scaling.rescale. Clipping is written so that NaN passes, and infinite limits let
/// everything pass.
template <bool kRescale>
struct ScaleVoxel {
  RangeScaling s;

  template <class T>
  VOXD_HD float operator()(T value) const {
    float y = (static_cast<float>(value) - s.shift) / s.divisor;
    if constexpr (kRescale) y = y * s.factor + s.offset;
    y = s.low > y ? s.low : y;
    return s.high < y ? s.high : y;
  }
};

/// divisor 0: x - shift (+ b_min), not clipped. Throws Error{invalid_argument} if clip is asked for with neither b_min
/// nor b_max.
RangeScaling range_scaling(float shift, float divisor, const std::optional<double>& b_min,
                           const std::optional<double>& b_max, bool clip);
RangeScaling range_scaling(const ScaleIntensityRange& params);

/// Enqueues out[i] = scaled voxel first + i of the volume, any dtype. `out` may be the volume's own memory if it is
/// float32.
void scale_voxels(Stream& stream, const DeviceVolume& volume, std::int64_t first, std::int64_t count,
                  const RangeScaling& scaling, float* out);

}  // namespace voxd
