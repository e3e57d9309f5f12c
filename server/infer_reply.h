#pragma once

#include <grpcpp/support/byte_buffer.h>

#include "server/infer_response.h"

namespace voxd {

/// A serialised ModelInferResponse whose raw contents are not copied: its slices point at the volumes and keep them
/// alive. The entry of an output that went to shared memory is empty.
grpc::ByteBuffer infer_reply(const TensorResult& result, const InferResponseHead& head);

/// The same as a message of ModelStreamInfer: the only and so the final one that answers its request.
grpc::ByteBuffer stream_infer_reply(const TensorResult& result, const InferResponseHead& head);

/// The message of ModelStreamInfer for a request that failed.
grpc::ByteBuffer stream_infer_error(const Error& error, const InferResponseHead& head);

}  // namespace voxd
