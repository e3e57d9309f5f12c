#include "gpu_transforms/cpu_stream.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "gpu_transforms/own_threads.h"
#include "gpu_transforms/volume/error.h"

#ifndef VOXD_OWN_THREADS
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#endif

namespace voxd {

#ifdef VOXD_OWN_THREADS
struct CpuStream::Arena {
  explicit Arena(int) { fail(Code::failed_precondition, "backend tbb: this build runs on its own threads instead"); }
  int threads() const { return 1; }
  void run_tasks(std::int64_t, const std::function<void(std::int64_t)>&) {}
};
#else
struct CpuStream::Arena {
  explicit Arena(int threads) : arena(threads == 0 ? tbb::task_arena::automatic : threads) {}
  int threads() const { return arena.max_concurrency(); }
  void run_tasks(std::int64_t tasks, const std::function<void(std::int64_t)>& task) {
    arena.execute([&] { tbb::parallel_for(std::int64_t{0}, tasks, task); });
  }
  tbb::task_arena arena;
};
#endif

CpuStream::CpuStream(Backend backend, int threads) : Stream(backend) {
  if (threads < 0) fail(Code::invalid_argument, "threads: ", threads, ", must be 0 (all) or more");
  if (is_cuda()) fail(Code::invalid_argument, "backend cuda: not a CPU backend");
  if (backend == Backend::tbb) {
    arena_ = std::make_unique<Arena>(threads);
    threads_ = arena_->threads();
  } else if (backend == Backend::own_threads) {
    // More than one even on the smallest machine: these threads are there to be watched for races.
    threads_ = threads > 0 ? threads : std::max(4, static_cast<int>(std::thread::hardware_concurrency()));
  }
}

CpuStream::~CpuStream() = default;

int CpuStream::threads() const { return threads_; }

void CpuStream::run_tasks(std::int64_t tasks, const std::function<void(std::int64_t)>& task) {
  if (arena_) {
    arena_->run_tasks(tasks, task);
  } else if (backend() == Backend::own_threads) {
    std::atomic<std::int64_t> next{0};
    run_on_own_threads(std::min<std::int64_t>(threads_, tasks), [&](std::int64_t) {
      for (std::int64_t i = next++; i < tasks; i = next++) task(i);
    });
  } else {
    for (std::int64_t i = first_task(tasks); i < tasks; ++i) task(i);
  }
}

CpuStream& as_cpu_stream(Stream& stream) {
  auto* cpu = dynamic_cast<CpuStream*>(&stream);
  if (cpu == nullptr) fail(Code::internal, "stream of backend ", name_of(stream.backend()), " used as a CPU stream");
  return *cpu;
}

namespace parallel {

void enqueue_ranges(Stream& stream, std::int64_t n, std::int64_t work,
                    std::function<void(std::int64_t, std::int64_t)> body) {
  constexpr std::int64_t kWorthATask = 16384;
  constexpr std::int64_t kTasksPerThread = 8;  // enough to even out rows of unequal cost
  CpuStream& cpu = as_cpu_stream(stream);
  cpu.enqueue([n, work, body = std::move(body), &cpu] {
    if (cpu.backend() == Backend::simt) return body(cpu.first_task(n), n);
    const std::int64_t most = cpu.threads() == 1 ? 1 : kTasksPerThread * cpu.threads();
    const std::int64_t tasks =
        std::clamp<std::int64_t>(n / ceil_div(kWorthATask, std::max<std::int64_t>(work, 1)), 1, most);
    const std::int64_t grain = ceil_div(n, tasks);
    cpu.run_tasks(ceil_div(n, grain), [&](std::int64_t task) { body(task * grain, std::min(n, (task + 1) * grain)); });
  });
}

}  // namespace parallel
}  // namespace voxd
