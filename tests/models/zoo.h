#pragma once

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

namespace voxd::test {

/// The folder of MONAI's own bundles, of which there are only configs; tests of it are skipped where it is absent.
inline std::filesystem::path zoo() {
  const char* set = std::getenv("VOXD_ZOO_DIR");
  return set ? std::filesystem::path(set) : std::filesystem::path(VOXD_ZOO_DIR);
}

/// Says so, in the form that scripts/test counts.
inline bool zoo_is_absent(const std::string& test) {
  if (std::filesystem::is_directory(zoo())) return false;
  std::cout << "SKIPPED: " << test << ": there is no folder " << zoo() << " (VOXD_ZOO_DIR)\n";
  return true;
}

}  // namespace voxd::test
