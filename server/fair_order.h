#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "server/job.h"

namespace voxd {

/// A job that waits, with its traits as they were when it was pushed.
struct WaitingJob {
  std::shared_ptr<Job> job;
  JobTraits traits;
  Clock::time_point pushed;
  std::uint64_t arrival = 0;
  int told_position = -1;  ///< -1: not told yet

  Clock::time_point deadline() const { return traits.deadline.value_or(Clock::time_point::max()); }
};

/// The order in which waiting jobs are handed out. First by level: the priority, and one more for every `aging` that a
/// job has waited, so that nothing starves. Within a level clients take turns: next is the client that has been given
/// the least work (start-time fair queueing by the jobs' estimated seconds; a client that comes anew starts level with
/// the others, so that nobody saves up). Within a client: the earlier deadline (none is last), then arrival.
/// Not synchronised: its owner locks.
class FairOrder {
 public:
  explicit FairOrder(Clock::duration aging) : aging_(aging) {}

  /// All of `waiting`, the next one first. Pointers into it.
  std::vector<const WaitingJob*> of(const std::vector<WaitingJob>& waiting, Clock::time_point now) const;
  /// The job left for a worker: its client has been given that much work.
  void handed_out(const JobTraits& traits);
  /// Forgets who is not ahead of the others any more. Called when the queue changes.
  void tidy(const std::vector<WaitingJob>& waiting);
  /// Clients that it remembers what they were given.
  std::size_t remembered() const { return served_until_.size(); }

 private:
  struct Forecast;
  struct Turns;
  std::int64_t level(const WaitingJob& waiting, Clock::time_point now) const;

  const Clock::duration aging_;
  double now_served_ = 0;  // seconds of work at which the client stood that was served last
  std::unordered_map<std::string, double> served_until_;  // of clients that were served; absent: not ahead of anyone
};

}  // namespace voxd
