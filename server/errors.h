#pragma once

#include <optional>

#include "gpu_transforms/job_context.h"
#include "gpu_transforms/volume/error.h"

namespace voxd {

/// The fault being handled (call it inside a catch block) as an Error: ours as it is, no memory as resource_exhausted,
/// anything else as internal.
Error current_error();

/// Why a caller has gone: Error{deadline_exceeded} once its time is over, or so nearly (100 ms) that its own timer may have
/// ended the call, else Error{cancelled}.
Error gone_caller(const std::optional<Clock::time_point>& deadline);

}  // namespace voxd
