#include "client/voxctl/output_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <system_error>
#include <utility>

#include "client/voxctl/exit_code.h"

namespace voxd::ctl {
namespace {

mode_t creation_mask() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  return mask;
}

}  // namespace

OutputFile::OutputFile(std::string option, std::string path) : option_(std::move(option)), path_(std::move(path)) {
  if (is_stdout()) {
    descriptor_ = ::dup(STDOUT_FILENO);
    if (descriptor_ < 0) fail_output(errno);
    return;
  }
  std::error_code failure;
  // A link stays a link: what it points at is replaced.
  target_ = std::filesystem::weakly_canonical(path_, failure);
  if (failure) fail_output(failure.value());
  const auto status = std::filesystem::status(target_, failure);
  if (std::filesystem::is_directory(status)) fail_output(EISDIR);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
    descriptor_ = ::open(target_.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor_ < 0) fail_output(errno);
    return;
  }
  std::filesystem::path hidden = target_;
  hidden.replace_filename(".").concat(target_.filename().string()).concat(".XXXXXX");
  std::string name = hidden.string();
  descriptor_ = ::mkostemp(name.data(), O_CLOEXEC);
  if (descriptor_ < 0) fail_output(errno);
  temporary_ = std::move(name);
  ::fchmod(descriptor_, 0666 & ~creation_mask());  // mkostemp makes files that only their owner can read
}

OutputFile::~OutputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void OutputFile::fail_output(int error) const {
  throw OutputError(option_ + " " + path_ + ": " + std::strerror(error));
}

void OutputFile::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_output(errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void OutputFile::publish() {
  // Some file systems report a full disk only now.
  if (::close(std::exchange(descriptor_, -1)) != 0) fail_output(errno);
  if (temporary_.empty()) return;
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail_output(errno);
  temporary_.clear();
}

}  // namespace voxd::ctl
