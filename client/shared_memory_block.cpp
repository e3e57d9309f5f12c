#include "client/shared_memory_block.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "client/segmentation_client.h"

namespace voxd {
namespace {

std::string unused_name() {
  static std::atomic<int> count{0};
  return "voxd_client_" + std::to_string(::getpid()) + "_" + std::to_string(count++);
}

}  // namespace

class SharedMemoryBlock::Impl {
 public:
  Impl(SegmentationClient& client, std::size_t size) : client_(client), name_(unused_name()), size_(size) {
    if (size == 0) fail(Code::invalid_argument, "shared memory: 0 bytes, at least 1");
    const int file = ::shm_open(key().c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) fail_here("cannot be made");
    // Taken now: a block that is only promised would end this process when it is written to.
    const int why = ::posix_fallocate(file, 0, static_cast<::off_t>(size));
    if (why == 0) data_ = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    ::close(file);
    try {
      if (why != 0) errno = why;
      if (why != 0 || data_ == MAP_FAILED) fail_here("has no memory behind it");
      client_.register_shared_memory(name_, key(), size);
    } catch (...) {
      remove();
      throw;
    }
  }

  ~Impl() {
    try {
      client_.unregister_shared_memory(name_);
    } catch (const Error&) {  // a server that is gone has forgotten it
    }
    remove();
  }

  std::span<std::byte> bytes() const { return {static_cast<std::byte*>(data_), size_}; }
  const std::string& name() const { return name_; }

 private:
  std::string key() const { return "/" + name_; }
  [[noreturn]] void fail_here(const char* what) const {
    fail(Code::resource_exhausted, "shared memory of ", size_, " bytes ", what, ": ", std::strerror(errno));
  }
  void remove() {
    if (data_ != MAP_FAILED) ::munmap(data_, size_);
    ::shm_unlink(key().c_str());
  }

  SegmentationClient& client_;
  const std::string name_;
  const std::size_t size_;
  void* data_ = MAP_FAILED;
};

SharedMemoryBlock::SharedMemoryBlock(SegmentationClient& client, std::size_t size)
    : impl_(std::make_unique<Impl>(client, size)) {}
SharedMemoryBlock::~SharedMemoryBlock() = default;

std::span<std::byte> SharedMemoryBlock::bytes() const { return impl_->bytes(); }
const std::string& SharedMemoryBlock::name() const { return impl_->name(); }

}  // namespace voxd
