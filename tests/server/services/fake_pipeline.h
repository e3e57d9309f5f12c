#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "models/pipeline.h"

namespace voxd::test {

/// Holds whoever passes until it is opened. Safe from any thread.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  /// Waits for `count` to have come, open or not.
  void wait_for_arrivals(int count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return arrivals_ >= count; });
  }
  /// Returns when open, or throws what context.check() throws.
  void pass(const JobContext& context) {
    std::unique_lock lock(mutex_);
    ++arrivals_;
    changed_.notify_all();
    while (!changed_.wait_for(lock, std::chrono::milliseconds(1), [&] { return open_; })) context.check();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  int arrivals_ = 0;
};

/// A pipeline without a network: the mask is 1 where the image is above 0.5, the contour is 1 where it is above 1.5; a
/// third output "SCALED" is float32, twice the image. Where contour_key is empty, a contour that is asked for is all 1.
/// Probabilities are two channels that count 0, 1, 2, ... through.
/// Thread rule: Pipeline's; the members that are not atomic are set before a server has it.
class FakePipeline : public Pipeline {
 public:
  FakePipeline();

  const PipelineDescription& description() const override { return description_; }
  PipelineResult run(const std::vector<HostVolume>& images, JobContext& context, const HostAllocator& allocate,
                     const Extras& extras) const override;
  std::int64_t peak_bytes(DType dtype, std::int32_t channels, const Geometry& image,
                          const Extras& extras) const override;

  PipelineDescription description_;
  /// Passed in the network stage, where there is one.
  Gate* gate = nullptr;
  std::optional<Box> crop;                    ///< PipelineResult::crop
  std::atomic<bool> fails{false};             ///< in the network stage
  mutable std::atomic<int> out_of_memory{0};  ///< how many more runs find no memory
  mutable std::atomic<int> runs{0};
  mutable std::atomic<int> most_windows{0};  ///< of the latest run's context
};

}  // namespace voxd::test
