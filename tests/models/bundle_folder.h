#pragma once

#include <string>

#include "tests/models/fixtures.h"

namespace voxd::test {

inline constexpr const char* plain_metadata = R"({"version": "1.2.3", "task": "Testing", "description": "from metadata",
  "network_data_format": {"inputs": {"image": {"num_channels": 1}}, "outputs": {"pred": {"channel_def": {"0": "background", "1": "organ"}}}}})";

/// The inference config of a chain: the transforms before and after the network, as JSON.
inline std::string chain_config(const std::string& pre, const std::string& post, const std::string& more = "") {
  return R"({"preprocessing": {"_target_": "Compose", "transforms": [)" + pre +
         R"(]}, "inferer": {"_target_": "SimpleInferer"},
    "postprocessing": {"_target_": "Compose", "transforms": [)" +
         post + "]}" + more + "}";
}

inline const std::string load_step = R"({"_target_": "LoadImaged", "keys": "image"})";
inline const std::string crop_step = R"({"_target_": "CropForegroundd", "keys": "image", "source_key": "image"})";
inline const std::string scale_step =
    R"({"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": 0, "a_max": 100, "b_min": 0, "b_max": 1, "clip": true})";
inline const std::string invert_step =
    R"({"_target_": "Invertd", "keys": "pred", "transform": "@preprocessing", "orig_keys": "image", "nearest_interp": false})";
inline const std::string argmax_step = R"({"_target_": "AsDiscreted", "keys": "pred", "argmax": true})";
inline const std::string contour_steps =
    R"({"_target_": "CopyItemsd", "keys": "pred", "names": "contour"}, {"_target_": "LabelToContourd", "keys": "contour"})";
inline const std::string save_step = R"({"_target_": "SaveImaged", "keys": ["pred", "contour"]})";

inline std::string plain_chain() {
  return chain_config(load_step + "," + scale_step + "," + crop_step,
                      invert_step + "," + argmax_step + "," + contour_steps + "," + save_step);
}

/// A bundle folder "demo" with what a test puts in it.
struct BundleFolder {
  explicit BundleFolder(const std::string& inference = plain_chain(), const std::string& metadata = plain_metadata,
                        const std::string& serving = "") {
    write_file(path / "configs" / "inference.json", inference);
    if (!metadata.empty()) write_file(path / "configs" / "metadata.json", metadata);
    if (!serving.empty()) write_file(path / "configs" / "serving.json", serving);
  }
  TemporaryFolder folder;
  std::filesystem::path path = folder.path() / "demo";
};

}  // namespace voxd::test
