#include "tests/bench/copy_floor.h"

#include <barrier>
#include <chrono>
#include <cmath>
#include <thread>
#include <vector>

#include "gpu_transforms/device_volume.h"

namespace voxd::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr Int3 kSize = {512, 512, 114};
constexpr std::int64_t kVoxels = std::int64_t{kSize[0]} * kSize[1] * kSize[2];
constexpr int kRepeats = 7;

/// One thread's share.
struct Part {
  std::int64_t first, last;
};
Part part_of(int thread, int threads) { return {kVoxels * thread / threads, kVoxels * (thread + 1) / threads}; }

/// f(part) in each of so many threads, the caller being one of them.
template <class F>
void in_threads(int threads, F f) {
  std::vector<std::jthread> others;
  for (int t = 1; t < threads; ++t) others.emplace_back([=] { f(part_of(t, threads)); });
  f(part_of(0, threads));
}

double best_ms(const std::vector<Clock::time_point>& points) {
  double best = INFINITY;
  for (std::size_t i = 1; i < points.size(); ++i)
    best = std::min(best, std::chrono::duration<double, std::milli>(points[i] - points[i - 1]).count());
  return best;
}

}  // namespace

// Each thread writes its own part first, so that with several memories it lies in the one near to it.
CopyFloor::CopyFloor(int threads, Workspace& workspace) : threads_(threads), workspace_(workspace) {
  if (workspace.stream().is_cuda()) return;
  from_ = workspace.allocate_array<float>(kVoxels);
  to_ = workspace.allocate_array<float>(kVoxels);
  in_threads(threads_, [from = from_.get(), to = to_.get()](const Part& part) {
    std::fill(from + part.first, from + part.last, 1.5f);
    std::fill(to + part.first, to + part.last, 0.0f);
  });
}

double CopyFloor::measure() {
  std::vector<Clock::time_point> points;
  points.reserve(kRepeats + 1);
  if (workspace_.stream().is_cuda()) {
    on_cuda([&points] { points.push_back(Clock::now()); });
  } else {
    // The clock is read when the last thread has come, so that starting threads does not count.
    std::barrier together(threads_, [&points]() noexcept { points.push_back(Clock::now()); });
    in_threads(threads_, [&together, from = from_.get(), to = to_.get()](const Part& part) {
      together.arrive_and_wait();
      for (int i = 0; i < kRepeats; ++i) {
        for (std::int64_t v = part.first; v < part.last; ++v) to[v] = from[v] * 1.25f;
        together.arrive_and_wait();
      }
    });
  }
  return 2 * kVoxels * static_cast<double>(sizeof(float)) / best_ms(points);
}

void CopyFloor::on_cuda(const std::function<void()>& read_clock) {
  const DeviceVolume whole(DType::i32, 1, {kSize, identity_affine()}, workspace_);
  workspace_.stream().synchronize();
  read_clock();
  for (int i = 0; i < kRepeats; ++i) {
    to_float32(whole, workspace_);
    workspace_.stream().synchronize();
    read_clock();
  }
}

}  // namespace voxd::bench
