#include "models/repository_scan.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <sstream>

#include "gpu_transforms/volume/error.h"

namespace voxd {
namespace {

namespace fs = std::filesystem;

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

/// Which file it is and when it was last written to; of a link, what it points at.
void add_file(std::ostream& text, const fs::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return;
  text << file.filename().string() << ' ' << status.st_dev << ' ' << status.st_ino << ' ' << status.st_size << ' '
       << status.st_mtim.tv_sec << '.' << status.st_mtim.tv_nsec << ' ' << status.st_ctim.tv_sec << '.'
       << status.st_ctim.tv_nsec << '\n';
}

std::string fingerprint_of(const fs::path& bundle) {
  std::ostringstream text;
  std::error_code error;
  std::set<fs::path> configs;
  for (const auto& entry : fs::directory_iterator(bundle / "configs", error)) configs.insert(entry.path());
  for (const fs::path& file : configs) add_file(text, file);
  add_file(text, bundle / "models" / "model.ts");
  return text.str();
}

/// The bundles of one model: the folder itself, or one per numbered folder in it.
std::vector<Deployment> versions_of(const fs::path& folder) {
  const std::string name = folder.filename().string();
  if (is_bundle(folder)) return {{name, "1", 1, folder, fingerprint_of(folder)}};
  std::vector<Deployment> versions;
  for (const auto& entry : fs::directory_iterator(folder, fs::directory_options::skip_permission_denied)) {
    const std::string version = entry.path().filename().string();
    const std::int64_t number = version_number(version);
    if (number >= 0 && is_bundle(entry.path()))
      versions.push_back({name, version, number, entry.path(), fingerprint_of(entry.path())});
  }
  std::sort(versions.begin(), versions.end(),
            [](const Deployment& a, const Deployment& b) { return a.number < b.number; });
  return versions;
}

}  // namespace

std::vector<Deployment> scan_repository(const fs::path& repository) {
  std::error_code error;
  if (!fs::is_directory(repository, error))
    fail(Code::not_found, "model repository: there is no folder '", repository.string(), "'");
  std::set<fs::path> folders;
  for (const auto& entry : fs::directory_iterator(repository))
    if (entry.is_directory(error)) folders.insert(entry.path());
  std::vector<Deployment> found;
  for (const fs::path& folder : folders)
    for (Deployment& version : versions_of(folder)) found.push_back(std::move(version));
  return found;
}

}  // namespace voxd
