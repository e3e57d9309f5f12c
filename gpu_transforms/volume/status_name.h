#pragma once

#include <string_view>

#include "gpu_transforms/volume/error.h"

namespace voxd {

/// gRPC's name of a code: "INVALID_ARGUMENT".
inline std::string_view status_name_of(Code code) {
  switch (code) {
    case Code::invalid_argument: return "INVALID_ARGUMENT";
    case Code::not_found: return "NOT_FOUND";
    case Code::already_exists: return "ALREADY_EXISTS";
    case Code::failed_precondition: return "FAILED_PRECONDITION";
    case Code::permission_denied: return "PERMISSION_DENIED";
    case Code::resource_exhausted: return "RESOURCE_EXHAUSTED";
    case Code::out_of_range: return "OUT_OF_RANGE";
    case Code::unimplemented: return "UNIMPLEMENTED";
    case Code::unavailable: return "UNAVAILABLE";
    case Code::deadline_exceeded: return "DEADLINE_EXCEEDED";
    case Code::cancelled: return "CANCELLED";
    case Code::data_loss: return "DATA_LOSS";
    case Code::internal: return "INTERNAL";
  }
  return "UNKNOWN";
}

}  // namespace voxd
