#pragma once

#include "grpc_service.pb.h"

namespace voxd {

/// Changes the log's level as far as the request asks for it and fills in what it is now. Of the protocol's settings
/// there are the levels: `log_error`, `log_warning`, `log_info`, and `log_verbose_level`, where 1 is debug and 2 trace.
/// Each level includes those before it, so that turning one on turns these on, and turning it off those after it.
/// Throws Error{permission_denied} where the request asks for a change and `may_change` is false,
/// Error{invalid_argument} for another setting or for levels that contradict each other. Safe from any thread.
void apply_log_settings(const inference::LogSettingsRequest& request, bool may_change,
                        inference::LogSettingsResponse& response);

}  // namespace voxd
