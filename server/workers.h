#pragma once

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "server/job_queue.h"

namespace voxd {

/// The threads that run jobs, and the timer that answers expired ones. Started by the constructor. The destructor
/// closes the queue and waits for them: what is queued and has not expired is still run. Safe from any thread.
class Workers {
 public:
  struct Options {
    int count = 1;
    std::function<void()> on_start;  ///< called first by each worker: caps libtorch's threads
  };
  Workers(JobQueue& queue, WorkerResources resources, Options options);
  ~Workers();
  Workers(const Workers&) = delete;
  /// Jobs in a worker's hands.
  int running() const;

 private:
  void run_jobs();
  void answer_expired();

  JobQueue& queue_;
  const WorkerResources resources_;  // constant after construction; each worker runs on a copy
  const Options options_;
  std::atomic<int> running_{0};
  std::vector<std::jthread> threads_;  // last: joined before what they use goes away
};

}  // namespace voxd
