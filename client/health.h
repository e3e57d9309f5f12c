#pragma once

#include <grpcpp/channel.h>

#include <chrono>
#include <memory>
#include <string>

namespace voxd {

/// Asks grpc.health.v1 once. Throws Error{unavailable} unless the server serves.
void check_health(const std::shared_ptr<grpc::Channel>& channel, const std::string& address,
                  std::chrono::milliseconds timeout);

/// Waits until the server serves, through refused connections and restarts. Throws Error{unavailable}, saying what was
/// seen last, when that has not happened within `wait`.
void await_health(const std::shared_ptr<grpc::Channel>& channel, const std::string& address,
                  std::chrono::milliseconds wait);

}  // namespace voxd
