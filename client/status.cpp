#include "client/status.h"

namespace voxd {

Code code_of(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::INVALID_ARGUMENT: return Code::invalid_argument;
    case grpc::StatusCode::NOT_FOUND: return Code::not_found;
    case grpc::StatusCode::ALREADY_EXISTS: return Code::already_exists;
    case grpc::StatusCode::FAILED_PRECONDITION: return Code::failed_precondition;
    case grpc::StatusCode::PERMISSION_DENIED:
    case grpc::StatusCode::UNAUTHENTICATED: return Code::permission_denied;
    case grpc::StatusCode::RESOURCE_EXHAUSTED: return Code::resource_exhausted;
    case grpc::StatusCode::OUT_OF_RANGE: return Code::out_of_range;
    case grpc::StatusCode::UNIMPLEMENTED: return Code::unimplemented;
    case grpc::StatusCode::UNAVAILABLE: return Code::unavailable;
    case grpc::StatusCode::DEADLINE_EXCEEDED: return Code::deadline_exceeded;
    case grpc::StatusCode::CANCELLED: return Code::cancelled;
    case grpc::StatusCode::DATA_LOSS: return Code::data_loss;
    default: return Code::internal;
  }
}

Error error_of(const grpc::Status& status, const std::string& address, bool connected) {
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE && !connected)
    return {Code::unavailable, "no server reached at " + address + ": " + status.error_message()};
  // gRPC's own words when this side's clock ran out; a server says more.
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED && status.error_message() == "Deadline Exceeded")
    return {Code::deadline_exceeded, "no answer from " + address + " in time"};
  if (status.error_message().empty())
    return {code_of(status.error_code()),
            "the server gave no reason (gRPC status " + std::to_string(status.error_code()) + ")"};
  return {code_of(status.error_code()), status.error_message()};
}

}  // namespace voxd
