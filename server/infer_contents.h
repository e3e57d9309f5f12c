#pragma once

#include <string>

#include "grpc_service.pb.h"
#include "server/scattered_bytes.h"
#include "server/wire_type.h"

namespace voxd {

/// The elements of a tensor's typed contents as the raw bytes of `type`. Throws Error{invalid_argument} when they are
/// not in the field that the protocol gives that type, when a value does not fit it, and for FP16 and BF16, which
/// travel raw only.
ScatteredBytes typed_contents(const std::string& input, const inference::InferTensorContents& contents, WireType type);

}  // namespace voxd
