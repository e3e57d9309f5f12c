#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "gpu_transforms/cpu_stream.h"
#include "gpu_transforms/stream.h"
#include "gpu_transforms/volume/error.h"

namespace voxd {
namespace {

/// The queue of a deferred stream. Outlives the stream while an event of it is held. Safe from any thread:
/// the work is run by whoever waits first, in order, one piece at a time.
class WorkQueue {
 public:
  void push(std::function<void()> work) {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
    ++pushed_;
  }

  std::uint64_t pushed() const {
    const std::lock_guard lock(mutex_);
    return pushed_;
  }

  bool passed(std::uint64_t point) const {
    const std::lock_guard lock(mutex_);
    return run_ >= point;
  }

  /// Returns when the first `point` pieces have run.
  void run_to(std::uint64_t point) {
    std::unique_lock lock(mutex_);
    while (run_ < point) {
      if (runner_ == std::this_thread::get_id())
        fail(Code::internal, "stream: work waits for a later point of the stream that it runs on");
      if (runner_ == std::thread::id{}) {
        run_one(lock);
      } else {
        piece_done_.wait(lock);
      }
    }
  }

  std::exception_ptr take_failure() {
    const std::lock_guard lock(mutex_);
    return std::exchange(failure_, nullptr);
  }

 private:
  void run_one(std::unique_lock<std::mutex>& lock) {
    std::function<void()> work = std::move(work_.front());
    work_.pop_front();
    runner_ = std::this_thread::get_id();
    lock.unlock();
    std::exception_ptr failure;
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
    }
    work = nullptr;  // before the lock: what it captured may enqueue when it dies
    lock.lock();
    if (failure && !failure_) failure_ = failure;
    runner_ = {};
    ++run_;
    piece_done_.notify_all();
  }

  mutable std::mutex mutex_;
  std::condition_variable piece_done_;
  std::deque<std::function<void()>> work_;  // this and the rest guarded by mutex_
  std::uint64_t pushed_ = 0;
  std::uint64_t run_ = 0;
  std::thread::id runner_;  // who runs a piece right now
  std::exception_ptr failure_;
};

class DeferredEvent : public Event {
 public:
  DeferredEvent(std::shared_ptr<WorkQueue> queue, std::uint64_t point) : queue_(std::move(queue)), point_(point) {}
  void synchronize() const override { queue_->run_to(point_); }
  bool passed() const override { return queue_->passed(point_); }

 private:
  std::shared_ptr<WorkQueue> queue_;
  std::uint64_t point_;
};

/// Keeps work until somebody waits for it. One thread at a time; its events from any.
class DeferredStream : public CpuStream {
 public:
  explicit DeferredStream(Backend backend) : CpuStream(backend, 0) {}

  // As on CUDA, work that nobody waited for still runs: blocks must find their way back to the pool.
  ~DeferredStream() override { run_all(); }

  void enqueue(std::function<void()> work) override { queue_->push(std::move(work)); }

  std::shared_ptr<Event> record() override { return std::make_shared<DeferredEvent>(queue_, queue_->pushed()); }

  void wait(const Event& event) override {
    if (const auto* deferred = dynamic_cast<const DeferredEvent*>(&event)) {
      queue_->push([point = *deferred] { point.synchronize(); });
    } else {
      event.synchronize();
    }
  }

  void synchronize() override {
    run_all();
    if (std::exception_ptr failure = queue_->take_failure()) std::rethrow_exception(failure);
  }

 private:
  // Work may enqueue more, which a waiting caller waits for as well.
  void run_all() {
    for (std::uint64_t end = 0; end != queue_->pushed();) queue_->run_to(end = queue_->pushed());
  }

  std::shared_ptr<WorkQueue> queue_ = std::make_shared<WorkQueue>();
};

}  // namespace

std::unique_ptr<Stream> make_deferred_stream(Backend backend) { return std::make_unique<DeferredStream>(backend); }

}  // namespace voxd
