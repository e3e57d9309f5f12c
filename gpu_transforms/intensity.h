#pragma once

#include <optional>
#include <vector>

#include "gpu_transforms/device_volume.h"

// Intensity transforms, with MONAI 1.6.1's semantics and names. Each takes any dtype that to_float32 takes and computes
// in float32; each enqueues on the workspace's stream and returns without synchronizing unless its comment says so;
// size and affine stay.
namespace voxd {

struct ScaleIntensityRange {
  double a_min = 0, a_max = 0;
  std::optional<double> b_min, b_max;
  bool clip = false;
};

/// y = (x - a_min) / (a_max - a_min) [* (b_max - b_min) + b_min if both are given], then clipped to what is given of
/// [b_min, b_max]. Bit for bit MONAI's CPU result. NaN stays NaN. a_min == a_max: x - a_min (+ b_min), not clipped.
/// Throws Error{invalid_argument} if clip is asked for with neither b_min nor b_max. Allocates its output only.
DeviceVolume scale_intensity_range(const DeviceVolume& volume, const ScaleIntensityRange& params, Workspace& workspace);

struct ScaleIntensity {
  std::optional<double> minv = 0.0, maxv = 1.0;
  std::optional<double> factor;  ///< used only if neither minv nor maxv is given
  bool channel_wise = false;
};

/// y = (x - min) / (max - min), then * (maxv - minv) + minv if both are given; min and max over the whole volume or per
/// channel. Bit for bit MONAI's CPU result. Where min == max: x * minv (x without minv). One NaN makes all voxels NaN,
/// and so does -inf; +inf becomes NaN and the others minv. With neither minv nor maxv: x * (1 + factor), or x.
/// Throws Error{invalid_argument} for an empty volume. Scratch: 8 bytes per 4096 voxels.
DeviceVolume scale_intensity(const DeviceVolume& volume, const ScaleIntensity& params, Workspace& workspace);

struct ScaleIntensityRangePercentiles {
  double lower = 0, upper = 100;  ///< percentiles, 0..100
  std::optional<double> b_min, b_max;
  bool clip = false;
  bool relative = false;
  bool channel_wise = false;
};

/// ScaleIntensityRange from the lower and upper percentile of the values (NumPy's linear interpolation) to [b_min,
/// b_max]; `relative` moves b_min and b_max inwards by the same percentages. Percentiles are computed over the whole
/// volume or per channel. Synchronizes the stream once (the percentiles come to the host).
DeviceVolume scale_intensity_range_percentiles(const DeviceVolume& volume, const ScaleIntensityRangePercentiles& params,
                                               Workspace& workspace);

struct NormalizeIntensity {
  std::vector<double> subtrahend,
      divisor;  ///< empty: mean, population standard deviation. One value, or one per channel with channel_wise
  bool nonzero = false;  ///< statistics over, and change of, non-zero voxels only
  bool channel_wise = false;
};

/// y = (x - mean) / std, std 0 counting as 1. Statistics in float64 with a fixed order of summation: the same on every
/// run and thread count.
DeviceVolume normalize_intensity(const DeviceVolume& volume, const NormalizeIntensity& params, Workspace& workspace);

}  // namespace voxd
