#include "models/repository_scan.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <sstream>
#include <tuple>
#include <utility>

#include "gpu_transforms/volume/error.h"
#include "models/bundle_source.h"
#include "models/file_state.h"

namespace voxd {
namespace {

namespace fs = std::filesystem;

constexpr const char* only_version = "1";  // of a model without numbered folders

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

std::string bundle_state(const fs::path& bundle) {
  std::error_code error;
  std::set<fs::path> files;
  for (const auto& entry : fs::directory_iterator(bundle / "configs", error)) files.insert(entry.path());
  files.insert(bundle / "models" / "model.ts");
  std::string state;
  for (const fs::path& file : files) state += file_state(file);
  return state;
}

Deployment deployment_of(const std::string& name, const std::string& version, const fs::path& path) {
  const std::string fingerprint = is_bundle_file(path) ? file_state(path) : bundle_state(path);
  return {name, version, version_number(version), path, fingerprint, ""};
}

/// The bundles of one model: the folder itself, or one per numbered folder in it.
void add_versions(const fs::path& folder, std::vector<Deployment>& found) {
  const std::string name = folder.filename().string();
  if (is_bundle(folder)) {
    found.push_back(deployment_of(name, only_version, folder));
    return;
  }
  for (const auto& entry : fs::directory_iterator(folder, fs::directory_options::skip_permission_denied)) {
    const std::string version = entry.path().filename().string();
    if (version_number(version) >= 0 && is_bundle(entry.path()))
      found.push_back(deployment_of(name, version, entry.path()));
  }
}

void add_repository(const fs::path& repository, std::vector<Deployment>& found) {
  std::error_code error;
  if (!fs::is_directory(repository, error))
    fail(Code::not_found, "model repository: there is no folder '", repository.string(), "'");
  for (const auto& entry : fs::directory_iterator(repository)) {
    if (entry.is_directory(error))
      add_versions(entry.path(), found);
    else if (is_bundle_file(entry.path()))
      found.push_back(deployment_of(entry.path().stem().string(), only_version, entry.path()));
  }
}

/// Of several that are called the same, one is left, and it is refused.
void refuse_namesakes(std::vector<Deployment>& found) {
  const auto same = [](const Deployment& a, const Deployment& b) { return a.name == b.name && a.version == b.version; };
  std::vector<Deployment> apart;
  for (Deployment& next : found) {
    if (apart.empty() || !same(apart.back(), next)) {
      apart.push_back(std::move(next));
      continue;
    }
    Deployment& first = apart.back();
    std::ostringstream why;
    why << first.path.filename() << " and " << next.path.filename() << " are both called '" << first.name
        << "' version " << first.version;
    first.refusal = why.str();
  }
  found = std::move(apart);
}

}  // namespace

std::vector<Deployment> scan_repository(const fs::path& repository, const std::vector<fs::path>& files) {
  std::vector<Deployment> found;
  if (!repository.empty()) add_repository(repository, found);
  for (const fs::path& file : files) {
    std::error_code error;
    if (!fs::is_regular_file(file, error)) fail(Code::not_found, "model: there is no file '", file.string(), "'");
    found.push_back(deployment_of(file.stem().string(), only_version, file));
  }
  std::sort(found.begin(), found.end(), [](const Deployment& a, const Deployment& b) {
    return std::tie(a.name, a.number, a.version, a.path) < std::tie(b.name, b.number, b.version, b.path);
  });
  refuse_namesakes(found);
  return found;
}

}  // namespace voxd
