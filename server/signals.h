#pragma once

#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

namespace voxd {

/// SIGTERM and SIGINT as stop tokens: the first asks to stop, the second not to wait. SIGHUP asks to look at the models
/// again. Made before any other thread, because threads inherit the blocked signals. Safe from any thread.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;

  enum class Wish { rescan, stop };
  /// Blocks until a signal came. Several SIGHUP since the last call are one wish.
  Wish wait();
  /// Requested by the second signal.
  std::stop_token second() const { return second_.get_token(); }

 private:
  void watch(std::stop_token end);

  std::stop_source first_, second_;
  std::mutex mutex_;
  std::condition_variable_any hung_up_;
  bool rescan_ = false;  // guarded by mutex_
  std::jthread thread_;
};

}  // namespace voxd
