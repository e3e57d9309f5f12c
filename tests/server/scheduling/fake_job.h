#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "server/job.h"

namespace voxd::test {

/// A job that remembers what was done to it. Safe from any thread; hooks are set before it is pushed.
class FakeJob : public Job {
 public:
  explicit FakeJob(int its_priority = 0, std::optional<Clock::time_point> its_deadline = {},
                   std::int64_t its_bytes = 0) {
    priority = its_priority;
    deadline = its_deadline;
    bytes = its_bytes;
  }

  std::function<void(WorkerResources&)> on_run;
  std::function<void(int)> on_queued_at;

  void run(WorkerResources& resources) noexcept override {
    finish(std::nullopt);
    if (on_run) on_run(resources);
  }
  void refuse(const Error& why) noexcept override { finish(why); }
  void queued_at(const QueuePlace& place) noexcept override {
    {
      const std::lock_guard lock(mutex_);
      positions_.push_back(place.position);
      wait_seconds_ = place.wait_seconds;
      told_after_end_ |= ends_ > 0;
    }
    if (on_queued_at) on_queued_at(place.position);
  }

  /// Waits until the job was run or refused.
  void wait_for_end() const {
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [this] { return ends_ > 0; });
  }
  /// How often run() or refuse() was called: 1 in the end.
  int ends() const {
    const std::lock_guard lock(mutex_);
    return ends_;
  }
  bool told_after_end() const {
    const std::lock_guard lock(mutex_);
    return told_after_end_;
  }
  std::vector<int> positions() const {
    const std::lock_guard lock(mutex_);
    return positions_;
  }
  /// The estimate that it heard last.
  double wait_seconds() const {
    const std::lock_guard lock(mutex_);
    return wait_seconds_;
  }
  /// Why it was refused; nothing if it was not.
  std::optional<Code> refusal() const {
    const std::lock_guard lock(mutex_);
    return refusal_ ? std::optional(refusal_->code()) : std::nullopt;
  }

 private:
  void finish(std::optional<Error> refusal) {
    const std::lock_guard lock(mutex_);
    ++ends_;
    if (refusal) refusal_ = std::move(refusal);
    ended_.notify_all();
  }

  mutable std::mutex mutex_;
  mutable std::condition_variable ended_;
  int ends_ = 0;  // this and the rest guarded by mutex_
  bool told_after_end_ = false;
  std::vector<int> positions_;
  double wait_seconds_ = 0;
  std::optional<Error> refusal_;
};

}  // namespace voxd::test
