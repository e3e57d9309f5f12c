#pragma once

#include <cstdint>
#include <optional>

#include "gpu_transforms/job_context.h"
#include "gpu_transforms/stream_pool.h"

namespace voxd {

/// What a worker lends to the job that it runs.
struct WorkerResources {
  StreamPool& streams;
  MemoryPool& device_memory;
  HostAllocator staging;
  std::int64_t budget_bytes;  ///< device memory of one job; 0: none set
};

/// One volume on its way through the server, as the queue and the workers see it: exactly one of run() and refuse() is
/// called, once.
class Job {
 public:
  virtual ~Job() = default;

  /// The whole of the work, on a worker's thread, up to handing the answer to whoever waits. Never throws: errors are
  /// answers.
  virtual void run(WorkerResources& resources) noexcept = 0;
  /// The job will not run: it expired or was cancelled while queued, or the server stops. Called from any thread. Must
  /// not block.
  virtual void refuse(const Error& why) noexcept = 0;
  /// The position in the queue changed (0: next). Must not block.
  virtual void queued_at(int position) noexcept = 0;

  int priority = 0;                           ///< higher goes first
  std::optional<Clock::time_point> deadline;  ///< from the RPC
  std::int64_t bytes = 0;                     ///< held by the job while it waits, counted against the queue's limit
  CancelToken cancel;
};

}  // namespace voxd
