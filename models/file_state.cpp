#include "models/file_state.h"

#include <sys/stat.h>

#include <sstream>

namespace voxd {

std::string file_state(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return {};
  std::ostringstream text;
  text << file.filename().string() << ' ' << status.st_dev << ' ' << status.st_ino << ' ' << status.st_size << ' '
       << status.st_mtim.tv_sec << '.' << status.st_mtim.tv_nsec << ' ' << status.st_ctim.tv_sec << '.'
       << status.st_ctim.tv_nsec << '\n';
  return text.str();
}

}  // namespace voxd
