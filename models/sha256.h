#pragma once

#include <filesystem>
#include <string>

namespace voxd {

/// SHA-256 of a file's bytes, 64 lower-case hex digits. Throws Error{not_found} if it cannot be read.
std::string sha256_of(const std::filesystem::path& file);

}  // namespace voxd
