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

  /// Runs task(0) ... task(tasks - 1) on the stream's threads, in any order (in index order when serial), and returns
  /// when all have run. Rethrows an exception of a task.
  void run_tasks(std::int64_t tasks, const std::function<void(std::int64_t)>& task);

  /// The first of n tasks that run_tasks runs; tests leave out those before.
  virtual std::int64_t first_task(std::int64_t) const { return 0; }

 protected:
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

namespace parallel {

inline std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Enqueues body(begin, end) for ranges that cover 0..n-1, on a CPU stream's threads. `work` is about how many voxels
/// one index touches. No template, because there are hundreds of bodies: each costs the compiler one std::function.
void enqueue_ranges(Stream& stream, std::int64_t n, std::int64_t work,
                    std::function<void(std::int64_t, std::int64_t)> body);

}  // namespace parallel

}  // namespace voxd
