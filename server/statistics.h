#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "server/job_listener.h"

namespace voxd {

/// Sums over the jobs of one model since the server started. Durations in nanoseconds.
struct ModelCounts {
  struct Duration {
    std::uint64_t count = 0;
    std::uint64_t ns = 0;
    void add(double milliseconds);
  };
  Duration success, fail;  ///< whole time from being queued to the answer
  Duration queue, compute_input, compute_infer,
      compute_output;                  ///< of those that succeeded; input is decode and pre, output is post and encode
  std::int64_t last_inference_ms = 0;  ///< milliseconds since the epoch, 0: never
};

/// Counts what the models have done. Safe from any thread.
class Statistics {
 public:
  void record_success(const std::string& model, const std::string& version, const StageTimes& stage_ms);
  void record_failure(const std::string& model, const std::string& version, double elapsed_ms);
  ModelCounts of(const std::string& model, const std::string& version) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, ModelCounts> counts_;  // guarded by mutex_
};

}  // namespace voxd
