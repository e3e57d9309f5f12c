#pragma once

#include <filesystem>
#include <string>

namespace voxd {

/// Which file a path names and when it was last written to, of a link what it points at: another text when the file was
/// replaced or changed. Empty when there is no such file.
std::string file_state(const std::filesystem::path& file);

}  // namespace voxd
