#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <chrono>

#include "server/infer_job.h"

namespace grpc {
class CallbackServerContext;
}

namespace voxd {

/// Whose request it is and when it must be done, for a message of that call.
InferOrigin origin_of(const grpc::CallbackServerContext& context, const grpc::ByteBuffer& message);

/// How long a message of that size may take beyond StallGuard's time, at a MiB a second. One message is all or nothing
/// to us; a client slower than this keeps what is reserved for it from others.
std::chrono::duration<double> time_for(std::int64_t bytes);

/// Parses a ModelInferRequest as the transport received it and empties the buffer: the tensors point at its slices,
/// which live on as long as something points there. Throws what parse_infer throws.
ParsedInfer parse_infer(grpc::ByteBuffer& message);

}  // namespace voxd
