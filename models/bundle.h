#pragma once

#include <filesystem>
#include <string>

#include "models/inferer.h"
#include "models/pipeline.h"
#include "models/steps/step.h"

namespace voxd {

/// A bundle folder, read and checked, before its network is loaded.
struct Bundle {
  PipelineDescription description;
  std::string input_key;    ///< where the images go
  std::string network_key;  ///< what the network is given; it answers under "pred"
  Steps pre, post;
  std::unique_ptr<const Inferer> inferer;
  std::filesystem::path network_file;
  std::string network_sha256;  ///< empty: any
  Int3 warm_up_size{};
};

/// Reads configs/inference.json (or .yaml, .yml), configs/metadata.json and configs/serving.json; opens no network.
/// Throws Error{not_found} when there is no such folder or file, Error{invalid_argument} and Error{unimplemented} with
/// file, path in it and text.
Bundle read_bundle(const std::filesystem::path& folder, bool cuda);

}  // namespace voxd
