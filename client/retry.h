#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>

namespace voxd {

/// In how long a call that ended so may be made again; empty: not. Only a server that did not begin to work on it says
/// so, in its trailers, as `grpc-retry-pushback-ms`: 0 or more.
std::optional<std::chrono::milliseconds> pushback_of(const grpc::ClientContext& context, const grpc::Status& status);

/// Sleeps; false if that was stopped.
bool sleep_for(std::chrono::milliseconds time, const std::stop_token& stop);

}  // namespace voxd
