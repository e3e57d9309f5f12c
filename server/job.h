#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "gpu_transforms/job_context.h"
#include "gpu_transforms/stream_pool.h"
#include "server/memory_budget.h"

namespace voxd {

class DecoderPool;

/// What a worker lends to the job that it runs.
struct WorkerResources {
  StreamPool& streams;
  MemoryPool& device_memory;
  HostAllocator staging;
  std::int64_t budget_bytes;              ///< device memory of one job; 0: none set
  MemoryBudget* device_budget = nullptr;  ///< shared by all jobs; null: not counted
  MemoryBudget* host_budget = nullptr;    ///< the same as device_budget where jobs run on the CPU; null: not counted
  int threads = 1;                        ///< that one job may decode with
  DecoderPool* decoders = nullptr;        ///< decode compressed frames; null: the job does so in this process
};

/// What the queue goes by. All of it counts as it is when the job is pushed.
struct JobTraits {
  int priority = 0;                           ///< higher goes first
  std::optional<Clock::time_point> deadline;  ///< from the RPC
  std::int64_t bytes = 0;                     ///< held by the job while it waits, counted against the queue's limit
  std::string client;                         ///< whose job it is: clients take turns
  std::string model;                          ///< what the next two limit
  int most_running = 0;                       ///< jobs of the model that run at once; 0: no limit
  int most_waiting = 0;                       ///< jobs of the model that wait; 0: no limit
  double seconds = 0;                         ///< how long it will run, as far as is known; 0: it is not
};

/// Where a waiting job stands.
struct QueuePlace {
  int position = 0;         ///< jobs ahead
  double wait_seconds = 0;  ///< until it runs, by the estimates of all ahead; those that are not known count nothing
};

/// One volume on its way through the server, as the queue and the workers see it: exactly one of run() and refuse() is
/// called, once.
class Job : public JobTraits {
 public:
  virtual ~Job() = default;

  /// The whole of the work, on a worker's thread, up to handing the answer to whoever waits. Never throws: errors are
  /// answers.
  virtual void run(WorkerResources& resources) noexcept = 0;
  /// The job will not run: it expired or was cancelled while queued, or the server stops. Called from any thread. Must
  /// not block.
  virtual void refuse(const Error& why) noexcept = 0;
  /// The position in the queue changed. Must not block.
  virtual void queued_at(const QueuePlace& place) noexcept = 0;

  CancelToken cancel;
};

}  // namespace voxd
