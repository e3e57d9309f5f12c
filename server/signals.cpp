#include "server/signals.h"

#include <pthread.h>

#include <csignal>
#include <utility>

namespace voxd {
namespace {

constexpr int kWakeUp = SIGUSR1;

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, kWakeUp}) sigaddset(&set, signal);
  return set;
}

}  // namespace

Signals::Signals() {
  const sigset_t set = watched_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a log reader that goes away must not end the server
  thread_ = std::jthread([this](std::stop_token end) { watch(std::move(end)); });
}

Signals::~Signals() {
  thread_.request_stop();
  pthread_kill(thread_.native_handle(), kWakeUp);
}

Signals::Wish Signals::wait() {
  std::unique_lock lock(mutex_);
  hung_up_.wait(lock, first_.get_token(), [this] { return rescan_; });
  if (first_.stop_requested()) return Wish::stop;
  rescan_ = false;
  return Wish::rescan;
}

void Signals::watch(std::stop_token end) {
  const sigset_t set = watched_signals();
  while (!end.stop_requested()) {
    int signal = 0;
    if (sigwait(&set, &signal) != 0 || signal == kWakeUp) continue;
    if (signal == SIGHUP) {
      const std::lock_guard lock(mutex_);
      rescan_ = true;
      hung_up_.notify_one();
    } else if (!first_.request_stop()) {
      second_.request_stop();
    }
  }
}

}  // namespace voxd
