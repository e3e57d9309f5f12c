#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "models/repository.h"
#include "server/admission.h"
#include "server/authorisation.h"
#include "server/job_queue.h"
#include "server/job_records.h"
#include "server/request_limits.h"
#include "server/request_log.h"
#include "server/shared_memory.h"
#include "server/stall_guard.h"

namespace voxd {

/// What every RPC service works with. Owned by App, which outlives the services; each member is safe from any thread.
struct Serving {
  const ModelRepository& models;
  JobQueue& queue;
  Admission& admission;
  JobRecords& records;
  StallGuard& stalls;
  const Authorisation& authorisation;
  HostAllocator staging;
  RequestLimits limits;
  SharedMemory& shared_memory;

  /// As ModelRepository::find, for names that come from outside: one that cannot be a model's is not found, and only so
  /// much of it is repeated.
  std::shared_ptr<const Model> find_model(const std::string& name, const std::string& version) const;
  /// Takes on a call that brings `bytes`, or throws: Error{deadline_exceeded} when its deadline has passed or would
  /// pass before its job's turn comes, as far as is known, and what Admission throws.
  Admission::Ticket admit(const JobTraits& job, std::int64_t bytes) const;
  /// The traits of a job of that model, for `bytes` as they come over the wire.
  JobTraits traits_of(const Model& model, const std::string& client, std::int64_t bytes) const;
  /// In how many milliseconds a call that was refused should come again: when a worker is likely to be free.
  std::int64_t retry_ms() const;
  /// The caller of `job` has gone: a waiting job leaves the queue now, a running one stops at its next check.
  void give_up(Job& job) const;
  /// Writes down a call that has ended: the log's line, metrics.
  void call_ended(const RequestRecord& record) const;
  /// At least one model answers and the server is not stopping.
  bool ready() const;
};

/// Throws Error{deadline_exceeded} if there is a deadline and it has passed.
void check_deadline(const std::optional<Clock::time_point>& deadline);

/// An id for a call that brought none: 16 hexadecimal digits.
std::string make_request_id();

}  // namespace voxd
