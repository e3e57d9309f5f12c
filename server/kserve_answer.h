#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <string_view>

#include "server/errors.h"
#include "server/grpc_status.h"
#include "server/serving.h"

namespace voxd {

/// Ends a unary call of that RPC with what `handler` says, for a caller who may call it: it fills in the response, or
/// throws.
template <class Handler>
grpc::ServerUnaryReactor* answer(const Serving& serving, grpc::CallbackServerContext* context, std::string_view rpc,
                                 const Handler& handler) {
  grpc::Status status;
  try {
    serving.authorisation.require(*context, rpc);
    handler();
  } catch (...) {
    const Error error = current_error();
    add_error_trailers(*context, error, serving.retry_ms());
    status = to_status(error);
  }
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

}  // namespace voxd
