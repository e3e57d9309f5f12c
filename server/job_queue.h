#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "server/job.h"

namespace voxd {

/// Bounded queue between RPC threads (push) and workers (pop). Order: higher priority, then earlier deadline (none is
/// last), then arrival. A job's priority, deadline and bytes count as they are when it is pushed. Jobs hear of their
/// position when it changes: in order, never two calls at once, only of the latest one, and no more once run() or
/// refuse() may be called. No lock is held while a job is called. A job cancelled while it waits is refused by
/// remove(), or at the next pop() or refuse_expired(). Safe from any thread.
class JobQueue {
 public:
  struct Limits {
    std::size_t jobs = 64;
    std::int64_t bytes = std::int64_t{8} << 30;
  };
  explicit JobQueue(Limits limits);
  /// Refuses what still waits. Nobody may be in a call any more.
  ~JobQueue();
  JobQueue(const JobQueue&) = delete;

  /// Takes the job, or throws at once: Error{resource_exhausted} naming limit and load when full, Error{unavailable}
  /// once closed. A caller is told, never parked. A job that is refused by throwing is not called.
  void push(std::shared_ptr<Job> job);

  /// Waits for a job that is neither expired nor cancelled (such are refused here). Null once closed and empty.
  std::shared_ptr<Job> pop();

  /// Refuses what has expired or was cancelled; returns when the next deadline is due. Called by the timer, so that an
  /// expired job is answered while every worker is busy.
  std::optional<Clock::time_point> refuse_expired(Clock::time_point now = Clock::now());
  /// Waits until `until`, or until a deadline before `until` waits in the queue. False once closed and empty: there is
  /// nothing left to refuse.
  bool wait_for_change(std::optional<Clock::time_point> until);
  /// Refuses the job now if it still waits; false if a worker has it already.
  bool remove(const Job& job, const Error& why);

  /// No more pushes; what is queued is still handed out (drain).
  void close();
  std::size_t size() const;
  std::int64_t bytes() const;

 private:
  struct Entry;
  using Jobs = std::vector<std::shared_ptr<Job>>;

  std::optional<Error> why_full(std::int64_t bytes) const;
  void insert(std::shared_ptr<Job> job);
  std::shared_ptr<Job> take(std::size_t position);
  Jobs take_dead(Clock::time_point now);
  std::optional<Clock::time_point> next_deadline() const;
  void settle(std::unique_lock<std::mutex>& lock, const Jobs& leaving);
  void tell_positions(std::unique_lock<std::mutex>& lock);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  const Limits limits_;         // constant after construction
  std::vector<Entry> entries_;  // in the order of handing out; this and the rest guarded by mutex_
  std::int64_t bytes_ = 0;
  std::uint64_t next_arrival_ = 0;
  bool closed_ = false;
  bool positions_changed_ = false;
  std::thread::id teller_;           // the thread that calls queued_at(), for all others too
  const Job* being_told_ = nullptr;  // whose queued_at() it calls right now
};

}  // namespace voxd
