#include "client/voxctl/interrupt.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace voxd::ctl {

Interrupt::Interrupt() {
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  signals_ = ::signalfd(-1, &ending, SFD_CLOEXEC);
  leave_ = ::eventfd(0, EFD_CLOEXEC);
  if (signals_ < 0 || leave_ < 0) throw std::system_error(errno, std::generic_category(), "signals");
  ::pthread_sigmask(SIG_BLOCK, &ending, &previous_mask_);
  watcher_ = std::thread([this] { watch(); });
}

Interrupt::~Interrupt() {
  ::eventfd_write(leave_, 1);
  watcher_.join();
  // A signal that came has been taken as the stop request; one that is still pending must not end the program when it
  // is unblocked.
  signalfd_siginfo taken;
  pollfd pending{signals_, POLLIN, 0};
  while (::poll(&pending, 1, 0) > 0 && ::read(signals_, &taken, sizeof taken) > 0) {
  }
  ::close(signals_);
  ::close(leave_);
  ::pthread_sigmask(SIG_SETMASK, &previous_mask_, nullptr);
}

void Interrupt::watch() {
  pollfd waiting[] = {{signals_, POLLIN, 0}, {leave_, POLLIN, 0}};
  while (::poll(waiting, 2, -1) < 0 && errno == EINTR) {
  }
  if (waiting[0].revents != 0) stop_.request_stop();
}

}  // namespace voxd::ctl
