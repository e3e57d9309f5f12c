#pragma once

#include <grpcpp/support/byte_buffer.h>

#include "server/infer_job.h"

namespace grpc {
class CallbackServerContext;
}

namespace voxd {

/// Whose request it is and when it must be done, for a message of that call.
InferOrigin origin_of(const grpc::CallbackServerContext& context, const grpc::ByteBuffer& message);

/// Parses a ModelInferRequest as the transport received it and empties the buffer: the tensors point at its slices,
/// which live on as long as something points there. Throws what parse_infer throws.
ParsedInfer parse_infer(grpc::ByteBuffer& message);

}  // namespace voxd
