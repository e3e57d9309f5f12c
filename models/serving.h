#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/config.h"
#include "models/pipeline.h"

namespace voxd {

/// configs/serving.json: what MONAI's files have no word for. Every field is optional; README.md describes each.
struct ServingFile {
  std::string description;
  std::vector<TensorDescription> inputs, outputs;
  std::string mask, contour;
  std::optional<Int3> warm_up_size, warm_up_image;
  std::string sha256;
  int max_running = 0, max_waiting = 0;  // jobs; 0: no limit
  bool fuse = true, rewrite = true;
  Precision precision = Precision::fp32;
};

/// Strict: throws Error{invalid_argument} with the path of an unknown field and the nearest that there is, and on every
/// wrong value.
ServingFile read_serving(const Config& config);

}  // namespace voxd
