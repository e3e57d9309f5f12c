#include <limits>

#include "gpu_transforms/intensity.h"
#include "gpu_transforms/parallel.h"
#include "gpu_transforms/range_scaling.h"

namespace voxd {
namespace {

struct ToFloat {
  template <class T>
  VOXD_HD float operator()(T value) const {
    return static_cast<float>(value);
  }
};

}  // namespace

DeviceVolume to_float32(const DeviceVolume& volume, Workspace& workspace) {
  if (volume.dtype() == DType::f32) return volume;
  DeviceVolume result(DType::f32, volume.channels(), volume.geometry(), workspace);
  visit_dtype(volume.dtype(), [&](auto zero) {
    using T = decltype(zero);
    parallel::transform(workspace.stream(), volume.data<T>(), volume.count(), result.mutable_data<float>(), ToFloat{});
  });
  return result;
}

RangeScaling range_scaling(float shift, float divisor, const std::optional<double>& b_min,
                           const std::optional<double>& b_max, bool clip) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  RangeScaling scaling{.shift = shift,
                       .divisor = divisor,
                       .factor = 1,
                       .offset = 0,
                       .rescale = false,
                       .low = -kInfinity,
                       .high = kInfinity};
  if (divisor == 0) {  // MONAI's way out: shifted only, neither scaled nor clipped
    scaling.divisor = 1;
    scaling.rescale = b_min.has_value();
    if (b_min) scaling.offset = static_cast<float>(*b_min);
    return scaling;
  }
  if (b_min && b_max) {
    scaling.rescale = true;
    scaling.factor = static_cast<float>(*b_max - *b_min);
    scaling.offset = static_cast<float>(*b_min);
  }
  if (clip && !b_min && !b_max) fail(Code::invalid_argument, "clip: needs b_min or b_max");
  if (clip && b_min) scaling.low = static_cast<float>(*b_min);
  if (clip && b_max) scaling.high = static_cast<float>(*b_max);
  return scaling;
}

RangeScaling range_scaling(const ScaleIntensityRange& params) {
  // The difference is formed in float64 and rounded once, as Python does before torch sees it.
  return range_scaling(static_cast<float>(params.a_min), static_cast<float>(params.a_max - params.a_min), params.b_min,
                       params.b_max, params.clip);
}

void scale_voxels(Stream& stream, const DeviceVolume& volume, std::int64_t first, std::int64_t count,
                  const RangeScaling& scaling, float* out) {
  visit_dtype(volume.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const T* in = volume.data<T>() + first;
    if (scaling.rescale) {
      parallel::transform(stream, in, count, out, ScaleVoxel<true>{scaling});
    } else {
      parallel::transform(stream, in, count, out, ScaleVoxel<false>{scaling});
    }
  });
}

DeviceVolume scale_intensity_range(const DeviceVolume& volume, const ScaleIntensityRange& params,
                                   Workspace& workspace) {
  const RangeScaling scaling = range_scaling(params);
  DeviceVolume result(DType::f32, volume.channels(), volume.geometry(), workspace);
  scale_voxels(workspace.stream(), volume, 0, volume.count(), scaling, result.mutable_data<float>());
  return result;
}

}  // namespace voxd
