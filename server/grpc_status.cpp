#include "server/grpc_status.h"

#include <grpcpp/server_context.h>

namespace voxd {
namespace {

constexpr std::size_t kMaxMessage = 1024;

grpc::StatusCode status_code_of(Code code) {
  switch (code) {
    case Code::invalid_argument: return grpc::StatusCode::INVALID_ARGUMENT;
    case Code::not_found: return grpc::StatusCode::NOT_FOUND;
    case Code::already_exists: return grpc::StatusCode::ALREADY_EXISTS;
    case Code::failed_precondition: return grpc::StatusCode::FAILED_PRECONDITION;
    case Code::permission_denied: return grpc::StatusCode::PERMISSION_DENIED;
    case Code::resource_exhausted: return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case Code::out_of_range: return grpc::StatusCode::OUT_OF_RANGE;
    case Code::unimplemented: return grpc::StatusCode::UNIMPLEMENTED;
    case Code::unavailable: return grpc::StatusCode::UNAVAILABLE;
    case Code::deadline_exceeded: return grpc::StatusCode::DEADLINE_EXCEEDED;
    case Code::cancelled: return grpc::StatusCode::CANCELLED;
    case Code::data_loss: return grpc::StatusCode::DATA_LOSS;
    case Code::internal: return grpc::StatusCode::INTERNAL;
  }
  return grpc::StatusCode::UNKNOWN;
}

}  // namespace

grpc::Status to_status(const Error& error) {
  return {status_code_of(error.code()), std::string(error.what()).substr(0, kMaxMessage)};
}

std::optional<Clock::time_point> deadline_of(const grpc::CallbackServerContext& context) {
  const std::chrono::system_clock::time_point deadline = context.deadline();
  if (deadline == std::chrono::system_clock::time_point::max()) return std::nullopt;
  // gRPC's own clock, by which it ends calls, counts in milliseconds: what it ends is to be late by this one as well.
  constexpr std::chrono::milliseconds earlier{2};
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(deadline - std::chrono::system_clock::now()) -
         earlier;
}

void add_error_trailers(grpc::CallbackServerContext& context, const Error& error, std::int64_t retry_ms) {
  if (error.code() == Code::resource_exhausted || error.code() == Code::unavailable)
    context.AddTrailingMetadata("grpc-retry-pushback-ms", std::to_string(retry_ms));
}

}  // namespace voxd
