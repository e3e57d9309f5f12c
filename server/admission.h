#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>

#include "gpu_transforms/job_context.h"

namespace voxd {

/// Decides, before a body is read, whether the server takes on one more call, and counts what it has taken on: from the
/// first message of a call until its last byte is sent. This is the limit that callers meet; the queue behind it is as
/// large, so that a call once admitted is never turned away. Safe from any thread. Must outlive its tickets.
class Admission {
 public:
  struct Limits {
    int calls = 64;                              ///< uploading, waiting, running or sending
    std::int64_t bytes = std::int64_t{8} << 30;  ///< of their images as they came
  };

  /// One admitted call; gives its share back when it dies.
  class Ticket {
   public:
    Ticket() = default;
    Ticket(Ticket&& other) noexcept;
    Ticket& operator=(Ticket&& other) noexcept;
    ~Ticket();
    std::int64_t bytes() const { return bytes_; }
    /// Gives back what was reserved above `bytes`.
    void shrink_to(std::int64_t bytes);

   private:
    friend class Admission;
    Ticket(Admission& admission, std::int64_t bytes) : admission_(&admission), bytes_(bytes) {}
    Admission* admission_ = nullptr;
    std::int64_t bytes_ = 0;
  };

  explicit Admission(Limits limits) : limits_(limits) {}

  /// Throws Error{resource_exhausted} naming limit and load, or Error{unavailable} once closed.
  Ticket admit(std::int64_t bytes);
  /// No more calls are admitted.
  void close();
  bool closed() const;
  /// True when no admitted call is left, false at `until` or when `give_up` is requested.
  bool wait_idle(Clock::time_point until, std::stop_token give_up = {});

  int calls() const;
  std::int64_t bytes() const;

 private:
  void give_back(int calls, std::int64_t bytes);

  const Limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable_any idle_;
  int calls_ = 0;           // guarded by mutex_
  std::int64_t bytes_ = 0;  // guarded by mutex_
  bool closed_ = false;     // guarded by mutex_
};

}  // namespace voxd
