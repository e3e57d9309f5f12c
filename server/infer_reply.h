#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <string>

#include "server/tensor_job.h"

namespace voxd {

/// A serialised ModelInferResponse whose raw contents are not copied: its slices point at the volumes and keep them
/// alive.
grpc::ByteBuffer infer_reply(const TensorResult& result, const std::string& model, const std::string& version,
                             const std::string& id);

}  // namespace voxd
