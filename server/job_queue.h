#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "server/fair_order.h"
#include "server/job.h"
#include "server/wait_forecast.h"

namespace voxd {

/// Bounded queue between RPC threads (push) and workers (pop, done). Jobs leave in FairOrder: priority and age, then
/// turns among clients, then the earlier deadline; a job whose model runs as often as it may is passed over until one
/// of them is done. Jobs hear of their place when their position changes: in order, never two calls at once, only of
/// the latest one, and no more once run() or refuse() may be called. No lock is held while a job is called. A job
/// cancelled while it waits is refused by remove(), or at the next pop() or refuse_expired(). Safe from any thread.
class JobQueue {
 public:
  struct Limits {
    std::size_t jobs = 64;
    std::int64_t bytes = std::int64_t{8} << 30;
    int workers = 1;  ///< that take jobs out, for the estimates
    Clock::duration aging =
        std::chrono::seconds(60);  ///< waited for which a job goes up by one priority; 0: it does not
    std::function<Clock::time_point()> now = Clock::now;
  };
  explicit JobQueue(Limits limits);
  /// Refuses what still waits. Nobody may be in a call any more.
  ~JobQueue();
  JobQueue(const JobQueue&) = delete;

  /// Takes the job, or throws at once: Error{resource_exhausted} naming limit and load when full, Error{unavailable}
  /// once closed. A caller is told, never parked. A job that is refused by throwing is not called.
  void push(std::shared_ptr<Job> job);

  /// Waits for a job that is neither expired nor cancelled (such are refused here) and whose model may run once more.
  /// Null once closed and empty.
  std::shared_ptr<Job> pop();
  /// A job that pop() returned has been run.
  void done(const Job& job);

  /// Refuses what has expired or was cancelled; returns when the next deadline is due. Called by the timer, so that an
  /// expired job is answered while every worker is busy.
  std::optional<Clock::time_point> refuse_expired(Clock::time_point now);
  std::optional<Clock::time_point> refuse_expired() { return refuse_expired(limits_.now()); }
  /// Waits until `until`, or until a deadline before `until` waits in the queue. False once closed and empty: there is
  /// nothing left to refuse.
  bool wait_for_change(std::optional<Clock::time_point> until);
  /// Refuses the job now if it still waits; false if a worker has it already.
  bool remove(const Job& job, const Error& why);

  /// How long a job would wait that came now, in seconds.
  double expected_wait(const JobTraits& traits) const;
  /// The estimated work of all that waits and of what still runs, in seconds on one worker.
  double work_seconds() const;

  /// No more pushes; what is queued is still handed out (drain).
  void close();
  std::size_t size() const;
  std::int64_t bytes() const;

 private:
  using Jobs = std::vector<std::shared_ptr<Job>>;
  struct Running {
    const Job* job;
    std::string model;
    Clock::time_point started;
    double seconds;
    double left(Clock::time_point now) const;
  };

  std::optional<Error> why_full(const JobTraits& traits) const;
  void insert(std::shared_ptr<Job> job);
  std::shared_ptr<Job> take(const WaitingJob* entry);
  const WaitingJob* next_to_run() const;
  bool may_run(const WaitingJob& waiting) const;
  Jobs take_dead(Clock::time_point now);
  std::optional<Clock::time_point> next_deadline() const;
  WaitForecast forecast_of_running(Clock::time_point now) const;
  void settle(std::unique_lock<std::mutex>& lock, const Jobs& leaving);
  bool note_told(const Job& job, int position);
  void tell_places(std::unique_lock<std::mutex>& lock);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  const Limits limits_;              // constant after construction
  std::vector<WaitingJob> waiting_;  // in no order; this and the rest guarded by mutex_
  std::vector<Running> running_;
  FairOrder order_;
  std::int64_t bytes_ = 0;
  std::uint64_t next_arrival_ = 0;
  bool closed_ = false;
  bool places_changed_ = false;
  std::thread::id teller_;           // the thread that calls queued_at(), for all others too
  const Job* being_told_ = nullptr;  // whose queued_at() it calls right now
};

}  // namespace voxd
