#include "tests/bench/copy_floor.h"

#include <chrono>
#include <cmath>
#include <thread>
#include <vector>

#include "gpu_transforms/device_volume.h"

namespace voxd::bench {
namespace {

constexpr Int3 kSize = {512, 512, 114};
constexpr std::int64_t kVoxels = std::int64_t{kSize[0]} * kSize[1] * kSize[2];
constexpr int kRepeats = 7;

void scale_by_threads(const float* from, float* to, int threads) {
  std::vector<std::jthread> workers;
  for (int t = 0; t < threads; ++t)
    workers.emplace_back([=] {
      for (std::int64_t i = kVoxels * t / threads; i < kVoxels * (t + 1) / threads; ++i) to[i] = from[i] * 1.25f;
    });
}

}  // namespace

CopyFloor::CopyFloor(int threads, Workspace& workspace) : threads_(threads), workspace_(workspace) {
  if (workspace.stream().is_cuda()) return;
  from_ = workspace.allocate_array<float>(kVoxels);
  to_ = workspace.allocate_array<float>(kVoxels);
  std::fill_n(from_.get(), kVoxels, 1.5f);
}

double CopyFloor::measure() {
  const bool cuda = workspace_.stream().is_cuda();
  const DeviceVolume whole =
      cuda ? DeviceVolume(DType::i32, 1, {kSize, identity_affine()}, workspace_) : DeviceVolume();
  double best = INFINITY;
  for (int i = 0; i < kRepeats; ++i) {
    workspace_.stream().synchronize();
    const auto start = std::chrono::steady_clock::now();
    if (cuda) {
      to_float32(whole, workspace_);
      workspace_.stream().synchronize();
    } else {
      scale_by_threads(from_.get(), to_.get(), threads_);
    }
    best = std::min(best, std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
  }
  return 2 * kVoxels * static_cast<double>(sizeof(float)) / best;
}

}  // namespace voxd::bench
