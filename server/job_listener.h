#pragma once

#include <array>

#include "gpu_transforms/job_context.h"
#include "gpu_transforms/volume/error.h"

namespace voxd {

/// Milliseconds per stage, indexed by Stage.
using StageTimes = std::array<double, kStages>;

/// How far a job is. The last two mean something in Stage::queue only.
struct JobProgress {
  Stage stage = Stage::queue;
  double fraction = 0;      ///< of the stage, 0..1
  int queue_position = 0;   ///< jobs ahead
  double wait_seconds = 0;  ///< estimated, until it runs
};

/// Whoever waits for a job's answer: exactly one of on_done() and on_error() is called, once, after any number of
/// on_progress(). Called from queue and worker threads, one call at a time; must not block.
template <class Result>
class JobListener {
 public:
  virtual ~JobListener() = default;
  virtual void on_progress(const JobProgress& progress) noexcept = 0;
  virtual void on_done(Result result) noexcept = 0;
  virtual void on_error(const Error& error) noexcept = 0;
};

}  // namespace voxd
