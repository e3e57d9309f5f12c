#include "models/bundle_source.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

#include "models/torch_extras.h"

namespace voxd {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_extras = 64;

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

/// The folder's name; that of its parent where it is a version's folder.
std::string model_name(const fs::path& folder) {
  const fs::path clean = fs::absolute(folder / "").lexically_normal().parent_path();
  const std::string name = clean.filename().string();
  return is_number(name) ? clean.parent_path().filename().string() : name;
}

void require_within_bundle(const std::string& file) {
  const fs::path name(file);
  if (name.is_absolute() || std::find(name.begin(), name.end(), "..") != name.end())
    fail(Code::invalid_argument, "the file '", printable(file), "' is not within the bundle");
}

[[noreturn]] void refuse_missing(const std::string& file) {
  fail(Code::not_found, "there is no file '", printable(file), "' in the bundle");
}

BundleSource open_folder(const fs::path& folder) {
  const std::string name = model_name(folder);
  BundleSource source;
  source.name = name;
  source.whole = name;
  source.configs = "configs/";
  source.network_file = folder / "models" / "model.ts";
  source.network = name + "/models/model.ts";
  source.config = [folder, place = source.called("")](const std::string& file) -> std::optional<Config> {
    const fs::path path = folder / "configs" / file;
    std::error_code error;
    if (!fs::is_regular_file(path, error)) return std::nullopt;
    return Config::read(path, place + file);
  };
  // MONAI is run in the bundle's folder.
  source.named = [folder, name](const std::string& file) {
    require_within_bundle(file);
    std::error_code error;
    for (const fs::path& path : {folder / file, folder / "configs" / file})
      if (fs::is_regular_file(path, error))
        return Config::read(path, name + "/" + path.lexically_relative(folder).string());
    refuse_missing(file);
  };
  return source;
}

Config::Format format_of(const fs::path& file) {
  return file.extension() == ".json" ? Config::Format::json : Config::Format::yaml;
}

/// Folders are not kept in such a file: a config is known by its name alone.
BundleSource open_file(const fs::path& path) {
  const auto texts =
      std::make_shared<const std::map<std::string, std::string>>(read_extras(path, {Config::max_bytes, most_extras}));
  BundleSource source;
  source.name = path.stem().string();
  source.network = path.filename().string();
  source.whole = source.network;
  source.configs = "extra/";
  source.network_file = path;
  source.config = [texts, place = source.called("")](const std::string& file) -> std::optional<Config> {
    const auto text = texts->find(file);
    if (text == texts->end()) return std::nullopt;
    return Config::parse(text->second, format_of(file), place + file);
  };
  source.named = [config = source.config](const std::string& file) {
    require_within_bundle(file);
    if (auto found = config(fs::path(file).filename().string())) return *std::move(found);
    refuse_missing(file);
  };
  return source;
}

}  // namespace

BundleSource open_bundle(const fs::path& path) { return is_bundle_file(path) ? open_file(path) : open_folder(path); }

bool is_bundle_file(const fs::path& path) {
  std::error_code error;
  return path.extension() == ".ts" && !fs::is_directory(path, error);
}

}  // namespace voxd
