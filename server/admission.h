#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <string>
#include <unordered_map>

#include "gpu_transforms/job_context.h"
#include "gpu_transforms/volume/error.h"

namespace voxd {

/// Why a call was not taken on.
enum class Refusal { calls, bytes, client_share, wait, stopping };
inline constexpr int kRefusals = 5;
std::string_view name_of(Refusal refusal);

/// Error{resource_exhausted}, Error{deadline_exceeded} or Error{unavailable}, with the reason as metrics count it.
class RefusedError : public Error {
 public:
  RefusedError(Refusal its_reason, Code code, const std::string& message) : Error(code, message), reason(its_reason) {}
  const Refusal reason;
};

/// Decides, before a body is read, whether the server takes on one more call, and counts what it has taken on: from the
/// first message of a call until its last byte is sent. This is the limit that callers meet; the queue behind it is as
/// large, so that a call once admitted is never turned away for that. One client cannot take all of it, but for its
/// first call, which is always within its share. Safe from any thread. Must outlive its tickets.
class Admission {
 public:
  struct Limits {
    int calls = 64;                              ///< uploading, waiting, running or sending
    std::int64_t bytes = std::int64_t{8} << 30;  ///< of their images as they came
    double client_share = 1;                     ///< of both that one client may hold, above 0 to 1
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
    Ticket(Admission& admission, std::string client, std::int64_t bytes);
    Admission* admission_ = nullptr;
    std::string client_;
    std::int64_t bytes_ = 0;
  };

  explicit Admission(Limits limits) : limits_(limits) {}

  /// Throws RefusedError naming limit and load, or that the server stops.
  Ticket admit(std::int64_t bytes, const std::string& client = {});
  /// No more calls are admitted.
  void close();
  bool closed() const;
  /// True when no admitted call is left, false at `until` or when `give_up` is requested.
  bool wait_idle(Clock::time_point until, std::stop_token give_up = {});

  int calls() const;
  std::int64_t bytes() const;

 private:
  struct Load {
    int calls = 0;
    std::int64_t bytes = 0;
  };
  void check_share(const Load& held, std::int64_t bytes) const;
  void give_back(const std::string& client, int calls, std::int64_t bytes);

  const Limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable_any idle_;
  Load load_;                                      // this and the rest guarded by mutex_
  std::unordered_map<std::string, Load> clients_;  // those that hold anything
  bool closed_ = false;
};

}  // namespace voxd
