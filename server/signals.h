#pragma once

#include <stop_token>
#include <thread>

namespace voxd {

/// SIGTERM and SIGINT as stop tokens: the first asks to stop, the second not to wait. Made before any other thread,
/// because threads inherit the blocked signals. Safe from any thread.
class Signals {
 public:
  Signals();
  ~Signals();
  Signals(const Signals&) = delete;

  /// Blocks until the first signal.
  void wait() const;
  /// Requested by the second signal.
  std::stop_token second() const { return second_.get_token(); }

 private:
  void watch(std::stop_token end);

  std::stop_source first_, second_;
  std::jthread thread_;
};

}  // namespace voxd
