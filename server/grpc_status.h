#pragma once

#include <grpcpp/support/status.h>

#include <chrono>
#include <optional>

#include "gpu_transforms/job_context.h"

namespace grpc {
class CallbackServerContext;
}

namespace voxd {

/// The same fault in gRPC's words; a message beyond 1 KiB is cut, because it travels in the trailers.
grpc::Status to_status(const Error& error);

/// The call's deadline on the clock that jobs use; empty when it has none.
std::optional<Clock::time_point> deadline_of(const grpc::CallbackServerContext& context);

/// Adds the trailers that go with the error of a call that has not been worked on: in how many milliseconds to try again,
/// where that helps. Before the call is finished.
void add_error_trailers(grpc::CallbackServerContext& context, const Error& error, std::int64_t retry_ms);

}  // namespace voxd
