#pragma once

#include <csignal>
#include <stop_token>
#include <thread>

namespace voxd::ctl {

/// Turns Ctrl-C (SIGINT) and SIGTERM into a stop request for as long as it lives. Construct it before any other thread
/// is started and at most once at a time: it blocks both signals for the thread that constructs it and those started
/// from there.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;

  std::stop_token token() const { return stop_.get_token(); }

 private:
  void watch();

  std::stop_source stop_;
  sigset_t previous_mask_{};
  int signals_ = -1;  // readable once a signal has come
  int leave_ = -1;    // readable once the destructor runs
  std::thread watcher_;
};

}  // namespace voxd::ctl
