#include "client/retry.h"

#include <charconv>
#include <condition_variable>
#include <mutex>

namespace voxd {
namespace {

constexpr const char* kPushback = "grpc-retry-pushback-ms";
constexpr std::int64_t kLongestMs = 3'600'000;

}  // namespace

std::optional<std::chrono::milliseconds> pushback_of(const grpc::ClientContext& context, const grpc::Status& status) {
  if (status.error_code() != grpc::StatusCode::RESOURCE_EXHAUSTED &&
      status.error_code() != grpc::StatusCode::UNAVAILABLE)
    return std::nullopt;
  const auto found = context.GetServerTrailingMetadata().find(kPushback);
  if (found == context.GetServerTrailingMetadata().end()) return std::nullopt;
  std::int64_t ms = -1;
  const char* const end = found->second.data() + found->second.size();
  if (std::from_chars(found->second.data(), end, ms).ptr != end || ms < 0 || ms > kLongestMs) return std::nullopt;
  return std::chrono::milliseconds(ms);
}

bool sleep_for(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  stopped.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace voxd
