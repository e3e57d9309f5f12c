#include "server/memory_budget.h"

#include <algorithm>

namespace voxd {
namespace {

// A cancel only sets a flag, which is looked at this often.
constexpr std::chrono::milliseconds kLook{5};

void check(const std::optional<Clock::time_point>& deadline, const CancelToken& cancel) {
  if (deadline && Clock::now() >= *deadline)
    fail(Code::deadline_exceeded, "deadline: passed while the job waited for memory");
  if (cancel.cancelled()) fail(Code::cancelled, "cancelled by the caller while it waited for memory");
}

}  // namespace

MemoryBudget::Share MemoryBudget::take(std::int64_t bytes, std::optional<Clock::time_point> deadline,
                                       const CancelToken& cancel) {
  if (total_ > 0 && bytes > total_ && excess_ == Excess::runs_alone) bytes = total_;
  if (total_ > 0 && bytes > total_)
    fail(Code::resource_exhausted, "image: needs up to ", bytes, " bytes of working memory, at most ", total_, " (",
         name_, ")");
  std::unique_lock lock(mutex_);
  const std::uint64_t ticket = next_ticket_++;
  waiting_.push_back(ticket);
  const auto my_turn = [&] { return waiting_.front() == ticket && (total_ == 0 || bytes <= total_ - used_); };
  try {
    while (!my_turn()) {
      check(deadline, cancel);
      changed_.wait_for(lock, kLook);
    }
  } catch (...) {
    std::erase(waiting_, ticket);
    changed_.notify_all();
    throw;
  }
  waiting_.pop_front();
  used_ += bytes;
  changed_.notify_all();
  return {*this, bytes};
}

std::int64_t MemoryBudget::used() const {
  const std::lock_guard lock(mutex_);
  return used_;
}

std::size_t MemoryBudget::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_.size();
}

void MemoryBudget::give_back(std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  used_ -= bytes;
  changed_.notify_all();
}

}  // namespace voxd
