#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "models/repository.h"
#include "server/admission.h"
#include "server/job_queue.h"
#include "server/request_limits.h"
#include "server/statistics.h"

namespace voxd {

/// What every RPC service works with. Owned by App, which outlives the services; each member is safe from any thread.
struct Serving {
  const ModelRepository& models;
  JobQueue& queue;
  Admission& admission;
  Statistics& statistics;
  HostAllocator staging;
  RequestLimits limits;

  /// As ModelRepository::find, for names that come from outside: one that cannot be a model's is not found, and only so
  /// much of it is repeated.
  std::shared_ptr<const Model> find_model(const std::string& name, const std::string& version) const;
  /// The caller of `job` has gone: a waiting job leaves the queue now, a running one stops at its next check.
  void give_up(Job& job) const;
  /// At least one model answers and the server is not stopping.
  bool ready() const;
};

/// Throws Error{deadline_exceeded} if there is a deadline and it has passed.
void check_deadline(const std::optional<Clock::time_point>& deadline);

/// An id for a call that brought none: 16 hexadecimal digits.
std::string make_request_id();

/// The text with everything but printable ASCII as \xNN, cut after `limit` characters: fit for logs and error messages.
std::string printable(const std::string& text, std::size_t limit = 64);

}  // namespace voxd
