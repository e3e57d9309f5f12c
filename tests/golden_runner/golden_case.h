#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gpu_transforms/workspace.h"
#include "tests/support/npy.h"

namespace voxd::golden {

/// One case of an index.json.
struct Case {
  std::string id, transform;
  nlohmann::json entry;

  const nlohmann::json& params() const { return entry.at("params"); }
};

/// An array that a case came to, under the name of its entry in the index: output, forward, argmax, contour, box_start,
/// box_end.
struct Result {
  test::NpyArray array;
  Affine affine = identity_affine();
};
using Results = std::map<std::string, Result>;

std::vector<Case> read_index(const std::filesystem::path& folder);

/// The array of an entry that has a file, as the type that MONAI had ("dtype"), of the rank in the file.
test::NpyArray read_array(const std::filesystem::path& folder, const nlohmann::json& entry);

/// The entry's affine, identity where it has none.
Affine affine_of(const nlohmann::json& entry);

/// Runs a case through the server's own code. Throws Error{unimplemented} naming what is not supported, and what the
/// code throws.
Results run_case(const Case& golden, const std::filesystem::path& folder, Workspace& workspace);

}  // namespace voxd::golden
