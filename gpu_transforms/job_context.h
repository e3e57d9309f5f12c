#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "gpu_transforms/workspace.h"

namespace voxd {

/// Set once by whoever gives a job up, read by the job. Copies share the flag. Safe from any thread.
class CancelToken {
 public:
  void cancel() { cancelled_->store(true, std::memory_order_relaxed); }
  bool cancelled() const { return cancelled_->load(std::memory_order_relaxed); }

 private:
  std::shared_ptr<std::atomic<bool>> cancelled_ = std::make_shared<std::atomic<bool>>(false);
};

using Clock = std::chrono::steady_clock;

/// The parts of a job that are timed and reported, in order. DICOM and NIfTI decoding is `decode`; `pre` includes the
/// upload, `post` the download.
enum class Stage { decode, queue, pre, network, post, encode };
inline constexpr int kStages = 6;
std::string_view name_of(Stage stage);

/// What travels with one job through every step: memory and stream, how long it may take, whether it is still wanted,
/// and whom to tell how far it is. Used by the one thread that runs the job.
struct JobContext {
  Workspace& workspace;
  std::optional<Clock::time_point> deadline;
  CancelToken cancel;
  /// Called with the stage and the fraction of it done, 0..1. May be empty. Must not block.
  std::function<void(Stage, double)> progress;
  /// Windows that a network is given at once, where that is fewer than its bundle says; 0: as the bundle says.
  std::int32_t most_windows = 0;

  Stream& stream() const { return workspace.stream(); }
  /// Throws Error{cancelled} or Error{deadline_exceeded}. Called between steps and between windows.
  void check() const;
  void report(Stage stage, double fraction) const {
    if (progress) progress(stage, fraction);
  }
};

}  // namespace voxd
