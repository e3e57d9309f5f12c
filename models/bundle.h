#pragma once

#include <filesystem>
#include <string>

#include "models/inferer.h"
#include "models/pipeline.h"
#include "models/steps/step.h"

namespace voxd {

/// MONAI's evaluator hands the item "image" to the network and puts the answer under "pred".
inline constexpr const char* network_input = "image";
inline constexpr const char* network_output = "pred";

/// A bundle, read and checked, before its network is loaded.
struct Bundle {
  PipelineDescription description;
  std::string input_key;    ///< where the images go
  std::string network_key;  ///< what the network is given; it answers under "pred"
  Steps pre, post;
  Steps probability;  ///< from the network's answer to probabilities; empty where the chain makes no labels of scores
  std::unique_ptr<const Inferer> inferer;
  std::unique_ptr<const Inferer> labelling;  ///< may be null; answers with what the first step of `post` makes
  std::filesystem::path network_file;
  std::string network;         ///< how messages call that file
  std::string network_sha256;  ///< empty: any
  Int3 warm_up_size{};
  bool rewrite = true;
  Precision precision = Precision::fp32;
};

/// Reads configs/inference.json (or .yaml, .yml), configs/metadata.json and configs/serving.json of a bundle's folder,
/// or the same texts in a .ts file; runs no network. Throws Error{not_found} when there is no such folder or file,
/// Error{invalid_argument} and Error{unimplemented} with file, path in it and text.
Bundle read_bundle(const std::filesystem::path& path, bool cuda);

}  // namespace voxd
