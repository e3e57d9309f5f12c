#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "models/config.h"

namespace voxd {

/// Where a bundle is kept: in a folder, or in one TorchScript file as MONAI exports it, which has the configs in it
/// ("extra files"). Values; used by one thread.
struct BundleSource {
  std::string name;  ///< the model's
  /// Reads a file of configs/, "inference.json"; nothing when there is none. Throws what Config::read throws.
  std::function<std::optional<Config>(const std::string& file)> config;
  /// Reads a file that a macro names, in the bundle's folder or in its configs/. Throws Error{not_found} when there is
  /// none, and Error{invalid_argument} when it lies elsewhere.
  Config::FileReader named;
  std::string whole;    ///< how messages call all of it, "demo", "demo.ts"
  std::string configs;  ///< the place of the configs in it, "configs/", "extra/"
  std::filesystem::path network_file;
  std::string network;  ///< how messages call that file, "demo/models/model.ts"

  /// How messages call a config: "demo/configs/inference.json".
  std::string called(const std::string& file) const { return whole + "/" + configs + file; }
};

/// Of a bundle's folder, or of a file whose name ends in .ts. Reads no config yet, but for those in a file: Throws
/// Error{not_found} when there is no such file, Error{invalid_argument} when it is no TorchScript file or what is in it
/// is larger than a config may be.
BundleSource open_bundle(const std::filesystem::path& path);

/// Whether a path is called as a bundle in one file is.
bool is_bundle_file(const std::filesystem::path& path);

}  // namespace voxd
