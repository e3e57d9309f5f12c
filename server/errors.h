#pragma once

#include <string_view>

#include "gpu_transforms/volume/error.h"

namespace voxd {

/// The fault being handled (call it inside a catch block) as an Error: ours as it is, no memory as resource_exhausted,
/// anything else as internal.
Error current_error();

/// gRPC's name of a code: "INVALID_ARGUMENT".
std::string_view status_name_of(Code code);

}  // namespace voxd
