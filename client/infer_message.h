#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <functional>

#include "client/volume_call.h"
#include "grpc_service.pb.h"

namespace voxd {

/// A ModelInferRequest for the volume, as it goes over the wire; the voxels are not copied, the message's slices point
/// at them. `released` is called once, from any thread, when none does any more; not at all if this throws. `declared`
/// is the model's input. Throws Error{invalid_argument} for what contradicts itself.
grpc::ByteBuffer infer_message(const VolumeInput& input, const TensorInfo& declared, std::function<void()> released);

/// What came back. Throws Error{data_loss} for an answer that is not whole.
VolumeOutcome outcome_of(inference::ModelInferResponse response);

}  // namespace voxd
