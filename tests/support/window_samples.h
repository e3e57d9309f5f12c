#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <vector>

#include "gpu_transforms/windows.h"
#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference_windows.h"

// Random cases of sliding windows, and a network for them that reference_windows follows.
namespace voxd::test {

/// The reference's network on host memory, for `count` windows of which each has one channel to read from.
inline void predict(const float* in, std::int64_t step, const Int3& roi, int count, int channels, const Vec3& factor,
                    const Int3& size, float* out) {
  for (int w = 0; w < count; ++w)
    for (int c = 0; c < channels; ++c)
      for_each_voxel(size, [&](int i, int j, int k) {
        const Int3 at = {i, j, k};
        Int3 from;
        for (int a = 0; a < 3; ++a) from[a] = std::min(static_cast<int>(at[a] / factor[a]), roi[a] - 1);
        const float value = in[w * step + (std::int64_t{from[0]} * roi[1] + from[1]) * roi[2] + from[2]];
        *out++ = predicted(value, c, i, j, k);
      });
}

/// The same, as work of the stream, in the workspace's memory.
inline WindowPredictor network(int channels, const Vec3& factor, Workspace& workspace) {
  return [=, &workspace](const DeviceVolume& windows, std::int32_t count) {
    const Int3 roi = windows.size();
    Int3 size;
    for (int a = 0; a < 3; ++a) size[a] = static_cast<int>(roi[a] * factor[a]);
    const std::int64_t step = windows.channels() / count * windows.geometry().voxels();
    const Geometry geometry{size, identity_affine()};
    Stream& stream = workspace.stream();
    if (stream.is_cuda()) {
      const HostVolume in = download(windows, workspace);
      stream.synchronize();
      HostVolume out = make_host_volume(DType::f32, count * channels, geometry);
      predict(in.as<float>().data(), step, roi, count, channels, factor, size, out.as<float>().data());
      const DeviceVolume result = upload(out, workspace);
      stream.synchronize();
      return result;
    }
    DeviceVolume result(DType::f32, count * channels, geometry, workspace);
    const float* in = windows.data<float>();
    float* out = result.mutable_data<float>();
    stream.enqueue([=] { predict(in, step, roi, count, channels, factor, size, out); });
    return result;
  };
}

/// Windows of an image for a network that makes `channels` of it, at `factor` times the size.
struct Sample {
  HostVolume image;
  SlidingWindows params;
  int channels;
  Vec3 factor{1, 1, 1};
};

inline SlidingWindows windows_of(std::vector<int> roi, double overlap, WindowMode mode = WindowMode::constant) {
  SlidingWindows params;
  params.roi_size = std::move(roi);
  params.overlap = {overlap};
  params.mode = mode;
  return params;
}

inline Sample some_case(Random& random) {
  const auto extent = [&](int longest) { return random.one_in(5) ? 1 : random.between(1, longest); };
  Sample sample{random.intensities(DType::f32, random.between(1, 2), {extent(13), extent(15), extent(24)}), {}, 1};
  SlidingWindows& params = sample.params;
  sample.channels = random.between(1, 3);
  params.roi_size = {random.between(-1, 9), random.between(-1, 9), random.between(-1, 14)};
  if (random.one_in(4)) params.roi_size = {random.between(0, 9)};
  constexpr double overlaps[] = {0, 0.25, 0.5, 0.625, 0.7, 0.9};
  params.overlap = {overlaps[random.between(0, 5)]};
  if (random.one_in(2)) params.overlap = {random.real(0, 0.99), overlaps[random.between(0, 5)], random.real(0, 0.8)};
  params.sw_batch_size = random.between(1, 5);
  if (random.one_in(2)) params.mode = WindowMode::gaussian;
  if (random.one_in(2)) params.sigma_scale = {random.real(0.05, 1)};
  if (random.one_in(3)) params.sigma_scale = {random.real(0.05, 1), random.real(0.05, 1), random.real(-1, -0.05)};
  constexpr PadMode modes[] = {PadMode::constant, PadMode::edge, PadMode::reflect, PadMode::wrap};
  params.padding.mode = modes[random.between(0, 3)];
  if (params.padding.mode == PadMode::constant && random.one_in(2)) params.padding.value = random.real(-9, 9);
  constexpr double factors[] = {0.5, 1, 2};
  if (random.one_in(3))
    for (double& factor : sample.factor) factor = factors[random.between(0, 2)];
  return sample;
}

/// Whether torch would pad it so.
inline bool can_be_padded(const Sample& sample) {
  for (std::size_t a = 0; a < 3; ++a) {
    const int roi = sample.params.roi_size[sample.params.roi_size.size() == 1 ? 0 : a];
    const int n = sample.image.geometry.size[a], after = (std::max(roi - n, 0) + 1) / 2;
    if (sample.params.padding.mode == PadMode::reflect && after >= n && after > 0) return false;
    if (sample.params.padding.mode == PadMode::wrap && after > n) return false;
  }
  return true;
}

inline DeviceVolume blend(const Sample& sample, const DeviceVolume& image, Workspace& workspace) {
  return blend_windows(image, sample.params, network(sample.channels, sample.factor, workspace), workspace);
}

/// What `act` is refused with as a bad argument; empty where it is not.
inline std::string refusal_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    CHECK(error.code() == Code::invalid_argument);
    return error.what();
  }
  return "";
}

}  // namespace voxd::test
