#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>

namespace voxd {

struct ExtrasLimits {
  std::size_t bytes_each;
  std::size_t files;
};

/// The JSON and YAML texts that a TorchScript file carries beside its network ("extra files"), by name. Runs no code of
/// the file. Throws Error{not_found} when there is no such file, Error{invalid_argument} when it is no TorchScript file
/// or its texts exceed the limits; none is read then.
std::map<std::string, std::string> read_extras(const std::filesystem::path& file, const ExtrasLimits& limits);

}  // namespace voxd
