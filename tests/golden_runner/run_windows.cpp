#include "gpu_transforms/windows.h"
#include "tests/golden_runner/run.h"

namespace voxd::golden {
namespace {

/// What the index calls `window_net`, for one window of one channel: two channels of its size.
void predict(const float* in, const Int3& size, float* out) {
  float* second = out + std::int64_t{size[0]} * size[1] * size[2];
  for (int i = 0; i < size[0]; ++i)
    for (int j = 0; j < size[1]; ++j)
      for (int k = 0; k < size[2]; ++k) {
        *out++ = *in + 0.01f * static_cast<float>(i + 2 * j + 3 * k);
        *second++ = 2.0f * *in++ - 0.02f * static_cast<float>(i);
      }
}

/// The mean over blocks of 2x2x2.
HostVolume halved(const HostVolume& volume) {
  const auto [nx, ny, nz] = volume.geometry.size;
  const Int3 half = {nx / 2, ny / 2, nz / 2};
  HostVolume result = make_host_volume(DType::f32, volume.channels, {half, volume.geometry.affine});
  const float* in = volume.as<float>().data();
  float* out = result.as<float>().data();
  for (int c = 0; c < volume.channels; ++c)
    for (int x = 0; x < half[0]; ++x)
      for (int y = 0; y < half[1]; ++y)
        for (int z = 0; z < half[2]; ++z) {
          float sum = 0;
          for (int corner = 0; corner < 8; ++corner) {
            const std::int64_t row = (std::int64_t{c} * nx + 2 * x + corner / 4) * ny + 2 * y + corner / 2 % 2;
            sum += in[row * nz + 2 * z + corner % 2];
          }
          *out++ = sum / 8;
        }
  return result;
}

DeviceVolume predict_windows(Run& run, const DeviceVolume& windows, bool half) {
  const HostVolume in = download(windows, run.workspace());
  run.workspace().stream().synchronize();
  HostVolume out = make_host_volume(DType::f32, 2 * in.channels, in.geometry);
  const std::int64_t voxels = in.geometry.voxels();
  for (int w = 0; w < in.channels; ++w)
    predict(in.as<float>().data() + w * voxels, in.geometry.size, out.as<float>().data() + 2 * w * voxels);
  return run.upload_kept(half ? halved(out) : std::move(out));
}

void sliding_window(Run& run) {
  Json params = run.golden().params();
  const bool half = params.value("half", false);
  params.erase("half");
  run.put("output", blend_windows(
                        run.input(), run.params_from<SlidingWindows>(params),
                        [&](const DeviceVolume& windows, std::int32_t) { return predict_windows(run, windows, half); },
                        run.workspace()));
}

void weights(Run& run) {
  Json params = run.golden().params();
  params["roi_size"] = params.at("patch_size");
  params.erase("patch_size");
  const auto windows = run.params_from<SlidingWindows>(params);
  const Int3 roi = {windows.roi_size.at(0), windows.roi_size.at(1), windows.roi_size.at(2)};
  const HostVolume map = download(importance_map(roi, windows, run.workspace()), run.workspace());
  run.workspace().stream().synchronize();
  test::NpyArray array = test::to_npy(map);
  array.shape.erase(array.shape.begin());  // MONAI's has no channel
  run.put("output", std::move(array), identity_affine());
}

}  // namespace

Runners window_runners() {
  return {
      {"SlidingWindowInferer", sliding_window},
      {"importance_map", weights},
  };
}

}  // namespace voxd::golden
