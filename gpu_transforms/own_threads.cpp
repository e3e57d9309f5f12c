#include "gpu_transforms/own_threads.h"

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

namespace voxd {
namespace {

/// The tasks of one call. Guarded by the mutex of the crew.
struct Batch {
  Batch(const std::function<void(std::int64_t)>& run, std::int64_t count) : task(run), tasks(count) {}

  const std::function<void(std::int64_t)>& task;
  const std::int64_t tasks;
  std::int64_t next = 0;
  std::int64_t finished = 0;
  std::exception_ptr failure;

  bool all_taken() const { return next == tasks; }
  bool done() const { return finished == tasks; }
};

/// The threads, and the batches that still have tasks to give out. Safe from any thread.
class Crew {
 public:
  explicit Crew(int size) {
    for (int i = 0; i < size; ++i) threads_.emplace_back([this](std::stop_token stop) { help(stop); });
  }

  void run(Batch& batch) {
    std::unique_lock lock(mutex_);
    const auto place = open_.insert(open_.end(), &batch);
    changed_.notify_all();
    while (!batch.all_taken()) run_one(batch, lock);
    open_.erase(place);
    changed_.wait(lock, [&] { return batch.done(); });
  }

 private:
  void help(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const auto has_tasks = [](const Batch* batch) { return !batch->all_taken(); };
    while (changed_.wait(lock, stop, [&] { return std::any_of(open_.begin(), open_.end(), has_tasks); }))
      run_one(**std::find_if(open_.begin(), open_.end(), has_tasks), lock);
  }

  void run_one(Batch& batch, std::unique_lock<std::mutex>& lock) {
    const std::int64_t index = batch.next++;
    lock.unlock();
    std::exception_ptr failure;
    try {
      batch.task(index);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    if (failure && !batch.failure) batch.failure = failure;
    ++batch.finished;
    if (batch.done()) changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::list<Batch*> open_;  // guarded by mutex_
  std::vector<std::jthread> threads_;
};

}  // namespace

void run_on_own_threads(std::int64_t tasks, const std::function<void(std::int64_t)>& task) {
  // Three helpers even on a small machine: races show only between threads that exist.
  static Crew crew(std::max(3, static_cast<int>(std::thread::hardware_concurrency()) - 1));
  if (tasks <= 0) return;
  Batch batch(task, tasks);
  crew.run(batch);
  if (batch.failure) std::rethrow_exception(batch.failure);
}

}  // namespace voxd
