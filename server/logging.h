#pragma once

#include <string>

namespace voxd {

/// Sends the log to stderr, from `level` (spdlog's name) up. Once, at start.
void start_logging(const std::string& level);

}  // namespace voxd
