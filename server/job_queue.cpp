#include "server/job_queue.h"

#include <algorithm>
#include <utility>

namespace voxd {

struct JobQueue::Entry {
  std::shared_ptr<Job> job;
  int priority;
  Clock::time_point deadline;  // max() stands for none
  std::int64_t bytes;
  std::uint64_t arrival;
  int told_position = -1;  // -1: not told yet

  bool goes_before(const Entry& other) const {
    if (priority != other.priority) return priority > other.priority;
    if (deadline != other.deadline) return deadline < other.deadline;
    return arrival < other.arrival;
  }
  bool dead(Clock::time_point now) const { return deadline <= now || job->cancel.cancelled(); }
};

namespace {

void refuse_dead(const std::vector<std::shared_ptr<Job>>& jobs) {
  for (const std::shared_ptr<Job>& job : jobs) {
    if (job->cancel.cancelled()) {
      job->refuse(Error(Code::cancelled, "job: cancelled by the caller while it waited in the queue"));
    } else {
      job->refuse(Error(Code::deadline_exceeded, "job: its deadline passed while it waited in the queue"));
    }
  }
}

}  // namespace

JobQueue::JobQueue(Limits limits) : limits_(limits) {}

JobQueue::~JobQueue() {
  for (const Entry& entry : entries_)
    entry.job->refuse(Error(Code::unavailable, "job: the server stopped while it waited in the queue"));
}

void JobQueue::push(std::shared_ptr<Job> job) {
  if (job == nullptr || job->bytes < 0) fail(Code::internal, "queue: a job without content");
  Jobs dead;
  std::optional<Error> full;
  {
    std::unique_lock lock(mutex_);
    if (closed_) fail(Code::unavailable, "queue: closed, the server is stopping");
    // Only a full queue is searched: else the timer and the workers find the dead soon enough.
    if (why_full(job->bytes)) dead = take_dead(Clock::now());
    full = why_full(job->bytes);
    if (!full) insert(std::move(job));
    settle(lock, dead);
  }
  refuse_dead(dead);
  if (full) throw *full;
}

std::shared_ptr<Job> JobQueue::pop() {
  for (;;) {
    Jobs dead;
    std::shared_ptr<Job> job;
    bool last = false;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return closed_ || !entries_.empty(); });
      dead = take_dead(Clock::now());
      last = closed_ && entries_.empty();
      Jobs leaving = dead;
      if (!entries_.empty()) leaving.push_back(job = take(0));
      settle(lock, leaving);
    }
    refuse_dead(dead);
    if (job || last) return job;
  }
}

std::optional<Clock::time_point> JobQueue::refuse_expired(Clock::time_point now) {
  std::unique_lock lock(mutex_);
  const Jobs dead = take_dead(now);
  settle(lock, dead);
  const std::optional<Clock::time_point> next = next_deadline();
  lock.unlock();
  refuse_dead(dead);
  return next;
}

bool JobQueue::wait_for_change(std::optional<Clock::time_point> until) {
  std::unique_lock lock(mutex_);
  const auto finished = [this] { return closed_ && entries_.empty(); };
  const auto worthwhile = [&] {
    const std::optional<Clock::time_point> next = next_deadline();
    return finished() || (next && (!until || *next < *until));
  };
  if (until) {
    changed_.wait_until(lock, *until, worthwhile);
  } else {
    changed_.wait(lock, worthwhile);
  }
  return !finished();
}

bool JobQueue::remove(const Job& job, const Error& why) {
  Jobs leaving;
  {
    std::unique_lock lock(mutex_);
    const auto entry =
        std::find_if(entries_.begin(), entries_.end(), [&](const Entry& e) { return e.job.get() == &job; });
    if (entry == entries_.end()) return false;
    leaving.push_back(take(static_cast<std::size_t>(entry - entries_.begin())));
    settle(lock, leaving);
  }
  leaving.front()->refuse(why);
  return true;
}

void JobQueue::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

std::size_t JobQueue::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

std::int64_t JobQueue::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

std::optional<Error> JobQueue::why_full(std::int64_t bytes) const {
  if (entries_.size() >= limits_.jobs)
    return Error(Code::resource_exhausted,
                 "queue: " + std::to_string(entries_.size()) + " jobs wait, at most " + std::to_string(limits_.jobs));
  if (bytes > limits_.bytes - bytes_)
    return Error(Code::resource_exhausted, "queue: the job holds " + std::to_string(bytes) +
                                               " bytes, the waiting ones " + std::to_string(bytes_) + ", at most " +
                                               std::to_string(limits_.bytes) + " together");
  return std::nullopt;
}

void JobQueue::insert(std::shared_ptr<Job> job) {
  Entry entry{job, job->priority, job->deadline.value_or(Clock::time_point::max()), job->bytes, next_arrival_++};
  const auto place = std::upper_bound(entries_.begin(), entries_.end(), entry,
                                      [](const Entry& a, const Entry& b) { return a.goes_before(b); });
  bytes_ += entry.bytes;
  entries_.insert(place, std::move(entry));
  positions_changed_ = true;
  changed_.notify_all();
}

std::shared_ptr<Job> JobQueue::take(std::size_t position) {
  const auto entry = entries_.begin() + static_cast<std::ptrdiff_t>(position);
  std::shared_ptr<Job> job = std::move(entry->job);
  bytes_ -= entry->bytes;
  entries_.erase(entry);
  positions_changed_ = true;
  if (closed_ && entries_.empty()) changed_.notify_all();
  return job;
}

JobQueue::Jobs JobQueue::take_dead(Clock::time_point now) {
  Jobs dead;
  for (std::size_t i = 0; i < entries_.size();) {
    if (entries_[i].dead(now)) {
      dead.push_back(take(i));
    } else {
      ++i;
    }
  }
  return dead;
}

std::optional<Clock::time_point> JobQueue::next_deadline() const {
  Clock::time_point next = Clock::time_point::max();
  for (const Entry& entry : entries_) next = std::min(next, entry.deadline);
  if (next == Clock::time_point::max()) return std::nullopt;
  return next;
}

/// After a change: nobody in `leaving` is being told its position any more, and those who stay are told theirs.
void JobQueue::settle(std::unique_lock<std::mutex>& lock, const Jobs& leaving) {
  const auto is_told = [this](const std::shared_ptr<Job>& job) { return job.get() == being_told_; };
  changed_.wait(lock, [&] {
    return teller_ == std::this_thread::get_id() || std::none_of(leaving.begin(), leaving.end(), is_told);
  });
  tell_positions(lock);
}

/// One thread tells everybody, round after round until nothing has changed meanwhile; whoever changes the queue in
/// between leaves it to that thread. So a job never hears an old position after a newer one.
void JobQueue::tell_positions(std::unique_lock<std::mutex>& lock) {
  if (teller_ != std::thread::id{}) return;
  teller_ = std::this_thread::get_id();
  while (std::exchange(positions_changed_, false)) {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      const int position = static_cast<int>(i);
      if (std::exchange(entries_[i].told_position, position) == position) continue;
      std::shared_ptr<Job> job = entries_[i].job;
      being_told_ = job.get();
      lock.unlock();
      job->queued_at(position);
      lock.lock();
      being_told_ = nullptr;
      changed_.notify_all();
    }
  }
  teller_ = {};
}

}  // namespace voxd
