#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "gpu_transforms/job_context.h"

namespace voxd {

/// Working memory of one device, or of the host, shared among the jobs that run: a job starts when what it will need at
/// most is free. Jobs wait in the order in which they asked, so that large ones are not starved by small ones. Counts
/// only; allocates nothing. Safe from any thread. Must outlive its shares.
class MemoryBudget {
 public:
  /// What one job holds of the budget; gives it back when it dies.
  class Share {
   public:
    Share() = default;
    Share(Share&& other) noexcept : budget_(std::exchange(other.budget_, nullptr)), bytes_(other.bytes_) {}
    Share& operator=(Share&& other) noexcept {
      std::swap(budget_, other.budget_);
      std::swap(bytes_, other.bytes_);
      return *this;
    }
    ~Share() {
      if (budget_) budget_->give_back(bytes_);
    }

   private:
    friend class MemoryBudget;
    Share(MemoryBudget& budget, std::int64_t bytes) : budget_(&budget), bytes_(bytes) {}
    MemoryBudget* budget_ = nullptr;
    std::int64_t bytes_ = 0;
  };

  /// What becomes of a job that needs more than there is.
  enum class Excess { refused, runs_alone };

  /// `name` stands in errors: "--device-memory". 0 bytes: no limit.
  MemoryBudget(std::string name, std::int64_t bytes, Excess excess = Excess::refused)
      : name_(std::move(name)), total_(bytes), excess_(excess) {}

  /// Waits until that much is free. Throws Error{resource_exhausted} with both numbers if it can never be (unless such
  /// a job runs alone), and Error{deadline_exceeded} or Error{cancelled} when the job is not wanted any more.
  Share take(std::int64_t bytes, std::optional<Clock::time_point> deadline, const CancelToken& cancel);

  std::int64_t total() const { return total_; }
  std::int64_t used() const;
  /// Jobs that wait for their share.
  std::size_t waiting() const;

 private:
  void give_back(std::int64_t bytes);

  const std::string name_;
  const std::int64_t total_;
  const Excess excess_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t used_ = 0;  // this and the rest guarded by mutex_
  std::uint64_t next_ticket_ = 0;
  std::deque<std::uint64_t> waiting_;  // tickets, the first to be served in front
};

}  // namespace voxd
