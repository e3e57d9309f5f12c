#pragma once

#include <string>

namespace voxd {

/// "0.1.0".
std::string version();
/// The versions of voxd, libtorch and gRPC, one a line.
std::string version_text();

}  // namespace voxd
