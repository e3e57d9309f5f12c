#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

namespace voxd::test {

/// A POSIX shared-memory object of this process, "/voxd_test_PID_NAME", gone with it.
class SharedObject {
 public:
  explicit SharedObject(const std::string& name, const std::string& content = {}, const std::string& prefix = "/voxd_")
      : key_(prefix + "test_" + std::to_string(::getpid()) + "_" + name),
        file_(::shm_open(key_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
    if (file_ < 0) throw std::runtime_error("shm_open " + key_ + ": " + std::strerror(errno));
    resize(content.size());
    write(0, content);
  }
  SharedObject(const SharedObject&) = delete;
  ~SharedObject() {
    unlink();
    ::close(file_);
  }

  const std::string& key() const { return key_; }
  void unlink() { ::shm_unlink(key_.c_str()); }
  void resize(std::size_t size) { check(::ftruncate(file_, static_cast<::off_t>(size))); }
  void set_mode(::mode_t mode) { check(::fchmod(file_, mode)); }

  std::size_t size() const {
    struct ::stat state {};
    check(::fstat(file_, &state));
    return static_cast<std::size_t>(state.st_size);
  }
  void write(std::size_t offset, std::string_view bytes) {
    check(::pwrite(file_, bytes.data(), bytes.size(), static_cast<::off_t>(offset)));
  }
  std::string read(std::size_t offset, std::size_t size) const {
    std::string bytes(size, '\0');
    check(::pread(file_, bytes.data(), size, static_cast<::off_t>(offset)));
    return bytes;
  }

 private:
  static void check(::ssize_t result) {
    if (result < 0) throw std::runtime_error(std::strerror(errno));
  }

  const std::string key_;
  const int file_;
};

}  // namespace voxd::test
