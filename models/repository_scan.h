#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace voxd {

/// One version of one model as the folder has it.
struct Deployment {
  std::string name;
  std::string version;         ///< the text of its folder's number, else "1"
  std::int64_t number = 1;     ///< the same as a number: what versions are ordered by
  std::filesystem::path path;  ///< of the bundle's folder, or of the file that is one
  std::string fingerprint;     ///< another one when a file of it was replaced or written to
  std::string refusal;         ///< why it cannot be told from another, else empty
};

/// What there is in a model repository and in single .ts files, by name and then by version. Opens no file. An empty
/// folder name is none. Throws Error{not_found} when the folder or a file does not exist.
std::vector<Deployment> scan_repository(const std::filesystem::path& repository,
                                        const std::vector<std::filesystem::path>& files);

}  // namespace voxd
