#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "gpu_transforms/stream.h"

namespace voxd {

/// What every CPU stream, immediate or deferred, offers to the work that runs on it: its threads.
/// Internal to gpu_transforms. The functions are for work that the stream is running, so they obey the stream's thread
/// rule.
class CpuStream : public Stream {
 public:
  ~CpuStream() override;

  /// How many threads the work may use, the caller's included; 1 on a serial stream.
  int threads() const;

  /// Runs `work` on this thread so that TBB algorithms in it use the stream's threads only (Backend::tbb); elsewhere
  /// just runs it.
  void run_in_arena(const std::function<void()>& work);

  /// Runs task(0) ... task(tasks - 1) on the stream's threads, in any order (in index order when serial), and returns
  /// when all have run. Rethrows an exception of a task.
  void run_tasks(std::int64_t tasks, const std::function<void(std::int64_t)>& task);

 protected:
  /// The first of n tasks that run_tasks runs; tests leave out those before.
  virtual std::int64_t first_task(std::int64_t) const { return 0; }

  /// Throws Error{failed_precondition} if this build lacks the backend, Error{invalid_argument} if `threads` is
  /// negative.
  CpuStream(Backend backend, int threads);

 private:
  struct Arena;
  std::unique_ptr<Arena> arena_;  // null unless the backend is TBB
  int threads_ = 1;
};

/// The stream as a CPU stream. Throws Error{internal} for another.
CpuStream& as_cpu_stream(Stream& stream);

}  // namespace voxd
