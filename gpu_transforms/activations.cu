#include "gpu_transforms/exponential.h"
#include "gpu_transforms/labels.h"
#include "gpu_transforms/parallel.h"

// Softmax works on a few hundred voxels at a time, so that all their channels are in the cache for its three passes:
// the largest, the exponentials and their sum, the division.
namespace voxd {
namespace {

struct Sigmoid {
  VOXD_HD float operator()(float x) const { return 1.0f / (1.0f + exponential(-x)); }
};

struct SoftmaxPart {
  static constexpr std::int32_t kVoxels = 256;
  const float* in;
  float* out;
  std::int64_t voxels;
  std::int32_t channels;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t part) const {
    const std::int64_t begin = part * kVoxels;
    const std::int32_t n = static_cast<std::int32_t>(voxels - begin < kVoxels ? voxels - begin : kVoxels);
    float* largest = reinterpret_cast<float*>(team.scratch);
    float* sum = largest + kVoxels;
    const float* first = in + begin;
    // No sync: a lane meets the same voxels in every pass.
    team.each(n, [=](std::int32_t i) {
      largest[i] = first[i];
      sum[i] = 0;
    });
    for (std::int32_t channel = 1; channel < channels; ++channel) {
      const float* values = first + channel * voxels;
      team.each(n, [=](std::int32_t i) { largest[i] = values[i] > largest[i] ? values[i] : largest[i]; });
    }
    for (std::int32_t channel = 0; channel < channels; ++channel) {
      const float* values = first + channel * voxels;
      float* to = out + begin + channel * voxels;
      team.each(n, [=](std::int32_t i) {
        const float e = exponential(values[i] - largest[i]);
        to[i] = e;
        sum[i] += e;
      });
    }
    for (std::int32_t channel = 0; channel < channels; ++channel) {
      float* to = out + begin + channel * voxels;
      team.each(n, [=](std::int32_t i) { to[i] /= sum[i]; });
    }
  }
};

/// Where the results of a float32 volume go: over it if it is this function's own copy.
DeviceVolume target_for(const DeviceVolume& values, bool own, Workspace& workspace) {
  return own ? values : DeviceVolume(DType::f32, values.channels(), values.geometry(), workspace);
}

bool stands_for_float32(DType type) { return type == DType::f32 || type == DType::u8 || type == DType::u16; }

}  // namespace

DeviceVolume activations(const DeviceVolume& volume, const Activations& params, Workspace& workspace) {
  if (volume.empty() || (!params.sigmoid && !params.softmax)) return volume;
  Stream& stream = workspace.stream();
  DeviceVolume values = to_float32(volume, workspace);
  bool own = volume.dtype() != DType::f32;
  if (params.sigmoid) {
    DeviceVolume result = target_for(values, own, workspace);
    parallel::transform(stream, values.data<float>(), values.count(), result.mutable_data<float>(), Sigmoid{});
    values = result;
    own = true;
  }
  if (params.softmax) {
    DeviceVolume result = target_for(values, own, workspace);
    const std::int64_t voxels = values.geometry().voxels();
    parallel::for_each_team(stream, parallel::ceil_div(voxels, SoftmaxPart::kVoxels),
                            SoftmaxPart::kVoxels * values.channels(), 2 * SoftmaxPart::kVoxels * sizeof(float),
                            SoftmaxPart{values.data<float>(), result.mutable_data<float>(), voxels, values.channels()});
    values = result;
  }
  return stands_for_float32(volume.dtype()) ? values : cast_to(values, volume.dtype(), workspace);
}

}  // namespace voxd
