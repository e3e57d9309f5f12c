#include "server/stall_guard.h"

#include <algorithm>
#include <utility>

namespace voxd {

StallGuard::Watch::~Watch() {
  std::unique_lock lock(guard_.mutex_);
  guard_.watches_.erase(place_);
  if (std::this_thread::get_id() == guard_.thread_.get_id()) {
    if (guard_.being_called_ == this) guard_.being_called_ = nullptr;
    return;
  }
  guard_.changed_.wait(lock, [this] { return guard_.being_called_ != this; });
}

void StallGuard::Watch::feed(std::chrono::duration<double> more) {
  if (guard_.patience_.count() <= 0) return;
  const Clock::time_point due = Clock::now() + std::chrono::duration_cast<Clock::duration>(guard_.patience_ + more);
  const std::lock_guard lock(guard_.mutex_);
  // The thread sleeps until the earliest time that it knows; a later one finds it awake by then.
  const bool is_earliest = due < guard_.next_due();
  due_ = due;
  if (is_earliest) guard_.changed_.notify_all();
}

void StallGuard::Watch::rest() {
  const std::lock_guard lock(guard_.mutex_);
  due_ = Clock::time_point::max();
}

StallGuard::StallGuard(std::chrono::duration<double> patience)
    : patience_(patience), thread_([this](std::stop_token end) { look(std::move(end)); }) {}

StallGuard::~StallGuard() = default;

std::unique_ptr<StallGuard::Watch> StallGuard::watch(std::function<void()> on_stall) {
  std::unique_ptr<Watch> made(new Watch(*this, std::move(on_stall)));
  const std::lock_guard lock(mutex_);
  made->place_ = watches_.insert(watches_.end(), made.get());
  return made;
}

Clock::time_point StallGuard::next_due() const {
  Clock::time_point next = Clock::time_point::max();
  for (const Watch* watch : watches_) next = std::min(next, watch->due_);
  return next;
}

void StallGuard::look(std::stop_token end) {
  std::unique_lock lock(mutex_);
  while (!end.stop_requested()) {
    const Clock::time_point next = next_due();
    if (next > Clock::now()) {
      const auto is_earlier = [&] { return next_due() < next; };
      if (next == Clock::time_point::max())
        changed_.wait(lock, end, is_earlier);
      else
        changed_.wait_until(lock, end, next, is_earlier);
      continue;
    }
    const auto stalled =
        std::find_if(watches_.begin(), watches_.end(), [&](const Watch* watch) { return watch->due_ == next; });
    Watch* const watch = *stalled;
    watch->due_ = Clock::time_point::max();
    being_called_ = watch;
    const std::shared_ptr<const std::function<void()>> on_stall = watch->on_stall_;
    lock.unlock();
    (*on_stall)();
    lock.lock();
    being_called_ = nullptr;
    changed_.notify_all();
  }
}

}  // namespace voxd
