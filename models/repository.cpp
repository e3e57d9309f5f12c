#include "models/repository.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

namespace voxd {
namespace {

namespace fs = std::filesystem;

struct Found {
  std::string name, version;
  fs::path folder;
};

bool is_bundle(const fs::path& folder) {
  std::error_code error;
  return fs::is_directory(folder / "configs", error);
}

/// The decimal number that a version's folder is named with; -1 when it is no such name.
std::int64_t version_number(const std::string& name) {
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  return error == std::errc{} && end == name.data() + name.size() && number >= 0 ? number : -1;
}

/// The bundles of one model: the folder itself, or one per numbered folder in it.
std::vector<Found> versions_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  if (is_bundle(folder)) return {{name, "1", folder}};
  std::vector<Found> versions;
  for (const auto& entry : fs::directory_iterator(folder, fs::directory_options::skip_permission_denied))
    if (const std::string number = entry.path().filename().string();
        version_number(number) >= 0 && is_bundle(entry.path()))
      versions.push_back({name, number, entry.path()});
  std::sort(versions.begin(), versions.end(),
            [](const Found& a, const Found& b) { return version_number(a.version) < version_number(b.version); });
  return versions;
}

std::vector<Found> scan(const fs::path& repository) {
  std::error_code error;
  if (!fs::is_directory(repository, error))
    fail(Code::not_found, "model repository: there is no folder '", repository.string(), "'");
  std::set<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(repository))
    if (entry.is_directory(error)) folders.insert(entry.path());
  std::vector<Found> found;
  for (const fs::path& folder : folders)
    for (Found& version : versions_of(folder)) found.push_back(std::move(version));
  return found;
}

void keep_only(std::vector<Found>& found, const std::vector<std::string>& names) {
  if (names.empty()) return;
  for (const std::string& name : names)
    if (std::none_of(found.begin(), found.end(), [&](const Found& model) { return model.name == name; }))
      fail(Code::not_found, "model repository: there is no model '", name, "'");
  std::erase_if(found,
                [&](const Found& model) { return std::find(names.begin(), names.end(), model.name) == names.end(); });
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

}  // namespace

ModelRepository::ModelRepository(fs::path folder, Options options) {
  std::vector<Found> found = scan(folder);
  keep_only(found, options.only);
  for (const Found& model : found) {
    Entry entry{{model.name, model.version, false, ""}, nullptr};
    try {
      entry.model =
          std::make_shared<const Model>(Model{model.name, model.version, Pipeline::load(model.folder, options.device)});
      entry.status.ready = true;
    } catch (const std::exception& error) {
      entry.status.reason = first_line(error.what());
    }
    entries_.push_back(std::move(entry));
  }
}

ModelRepository::ModelRepository(std::vector<Model> models) {
  for (Model& model : models) {
    ModelStatus status{model.name, model.version, true, ""};
    entries_.push_back({std::move(status), std::make_shared<const Model>(std::move(model))});
  }
}

std::shared_ptr<const Model> ModelRepository::find(const std::string& name, const std::string& version) const {
  const std::lock_guard lock(mutex_);
  // A version that could not be loaded does not hide an older one that serves.
  const Entry* newest = nullptr;
  for (const Entry& entry : entries_) {
    if (entry.status.name != name || (!version.empty() && entry.status.version != version)) continue;
    if (entry.model || !newest || !newest->model) newest = &entry;
  }
  if (!newest) {
    const std::string which = version.empty() ? "'" + name + "'" : "'" + name + "' version " + version;
    fail(Code::not_found, "Request for unknown model: ", which, " is not found");
  }
  if (!newest->model) fail(Code::unavailable, "model '", name, "' is not ready: ", newest->status.reason);
  return newest->model;
}

std::vector<ModelStatus> ModelRepository::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<ModelStatus> statuses;
  for (const Entry& entry : entries_) statuses.push_back(entry.status);
  return statuses;
}

bool ModelRepository::ready() const {
  const std::lock_guard lock(mutex_);
  return std::all_of(entries_.begin(), entries_.end(), [](const Entry& entry) { return entry.status.ready; });
}

}  // namespace voxd
