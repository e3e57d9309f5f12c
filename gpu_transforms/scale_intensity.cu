#include "gpu_transforms/extremes.h"
#include "gpu_transforms/flat_rows.h"
#include "gpu_transforms/intensity.h"

// Two passes: the extremes, which stay in device memory, and the scaling, which reads them once per row. MONAI's
// special cases come out of the arithmetic itself: NaN extremes make every voxel NaN, an infinite one makes 0 * inf or
// inf / inf.
namespace voxd {
namespace {

/// (v - low) / (high - low) * factor + offset; v * constant_factor where low == high.
struct Scaling {
  float factor, offset, constant_factor;
};

Scaling scaling_of(const ScaleIntensity& params) {
  const bool rescale = params.minv && params.maxv;
  // The difference is formed in float64 and rounded once, as Python does before torch sees it.
  return {rescale ? static_cast<float>(*params.maxv - *params.minv) : 1.0f,
          rescale ? static_cast<float>(*params.minv) : 0.0f, params.minv ? static_cast<float>(*params.minv) : 1.0f};
}

template <class T>
struct ScaleFlat {
  const T* in;
  float* out;
  const Extremes* extremes;
  Scaling scaling;

  struct Part {
    const T* in;
    float* out;
    float low, range;
    bool constant;
    Scaling scaling;
    VOXD_HD void operator()(std::int32_t z) const {
      const float v = static_cast<float>(in[z]);
      const float y = (v - low) / range * scaling.factor + scaling.offset;
      out[z] = constant ? v * scaling.constant_factor : y;
    }
  };
  VOXD_HD Part at(std::int64_t i) const {
    const Extremes found = *extremes;
    return {in + i, out + i, found.low, found.high - found.low, found.low == found.high, scaling};
  }
};

struct Times {
  float factor;
  template <class T>
  VOXD_HD float operator()(T value) const {
    return static_cast<float>(value) * factor;
  }
};

DeviceVolume multiplied(const DeviceVolume& volume, double factor, Workspace& workspace) {
  DeviceVolume result(DType::f32, volume.channels(), volume.geometry(), workspace);
  visit_dtype(volume.dtype(), [&](auto zero) {
    using T = decltype(zero);
    parallel::transform(workspace.stream(), volume.data<T>(), volume.count(), result.mutable_data<float>(),
                        Times{static_cast<float>(factor)});
  });
  return result;
}

}  // namespace

DeviceVolume scale_intensity(const DeviceVolume& volume, const ScaleIntensity& params, Workspace& workspace) {
  if (!params.minv && !params.maxv)
    return params.factor ? multiplied(volume, 1 + *params.factor, workspace) : to_float32(volume, workspace);
  if (volume.empty()) fail(Code::invalid_argument, "ScaleIntensity: an empty volume has no smallest value");
  DeviceVolume result(DType::f32, volume.channels(), volume.geometry(), workspace);
  const auto extremes = workspace.allocate_array<Extremes>(1);
  const std::int32_t sets = params.channel_wise ? volume.channels() : 1;
  const std::int64_t count = volume.count() / sets;
  for (std::int32_t set = 0; set < sets; ++set) {
    find_extremes(volume, set * count, count, extremes.get(), workspace);
    visit_dtype(volume.dtype(), [&](auto zero) {
      using T = decltype(zero);
      for_each_flat(workspace.stream(), count,
                    ScaleFlat<T>{volume.data<T>() + set * count, result.mutable_data<float>() + set * count,
                                 extremes.get(), scaling_of(params)});
    });
  }
  return result;
}

}  // namespace voxd
