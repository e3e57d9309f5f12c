#pragma once

#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

#include "gpu_transforms/job_context.h"

namespace voxd {

/// Notices callers that have stopped: an upload of which nothing more comes, a result of which nothing more is taken.
/// One thread for all of them. Safe from any thread. Must outlive its watches.
class StallGuard {
 public:
  /// Watches one caller. feed() and rest() may be called from any thread; the destructor waits for a call of on_stall
  /// that is under way, unless it is that call which destroys the watch.
  class Watch {
   public:
    ~Watch();
    Watch(const Watch&) = delete;
    /// The caller did something: it has the guard's time from now on, and `more` beside.
    void feed(std::chrono::duration<double> more = {});
    /// Nothing is expected of the caller until the next feed().
    void rest();

   private:
    friend class StallGuard;
    Watch(StallGuard& guard, std::function<void()> on_stall)
        : guard_(guard), on_stall_(std::make_shared<const std::function<void()>>(std::move(on_stall))) {}
    StallGuard& guard_;
    const std::shared_ptr<const std::function<void()>> on_stall_;  // shared with a call of it that ends the watch
    Clock::time_point due_ = Clock::time_point::max();             // guarded by guard_.mutex_
    std::list<Watch*>::iterator place_;
  };

  /// No time (0): nobody is ever said to stall.
  explicit StallGuard(std::chrono::duration<double> patience);
  ~StallGuard();
  StallGuard(const StallGuard&) = delete;

  std::chrono::duration<double> patience() const { return patience_; }
  /// At rest at first. `on_stall` is called on the guard's thread, at most once for each feed(); it must not block.
  std::unique_ptr<Watch> watch(std::function<void()> on_stall);

 private:
  void look(std::stop_token end);
  Clock::time_point next_due() const;

  const std::chrono::duration<double> patience_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::list<Watch*> watches_;            // guarded by mutex_
  const Watch* being_called_ = nullptr;  // guarded by mutex_
  std::jthread thread_;
};

}  // namespace voxd
