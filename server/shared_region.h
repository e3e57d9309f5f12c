#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <utility>

#include "server/file_descriptor.h"

namespace voxd {

enum class SharedMemoryKind { system, cuda };

/// What a caller says of memory that it shares.
struct RegionDescription {
  std::string name;             ///< under which requests refer to it
  std::string key = {};         ///< of the POSIX shared-memory object, "/voxd_volume"
  std::uint64_t offset = 0;     ///< in the object, where the region begins
  std::uint64_t byte_size = 0;  ///< of the region
  SharedMemoryKind kind = SharedMemoryKind::system;
  std::int64_t device = 0;      ///< of CUDA's memory
  std::string raw_handle = {};  ///< of CUDA's memory: a cudaIpcMemHandle_t
};

/// Memory of another process, read and written by copying. Safe from any thread.
class SharedRegion {
 public:
  explicit SharedRegion(RegionDescription description) : description_(std::move(description)) {}
  virtual ~SharedRegion() = default;
  SharedRegion(const SharedRegion&) = delete;
  SharedRegion& operator=(const SharedRegion&) = delete;

  const RegionDescription& description() const { return description_; }

  /// Throws Error{invalid_argument} if the bytes are not all inside the region.
  void check_range(std::uint64_t offset, std::uint64_t size) const;
  /// Reads from `offset` of the region on. Throws Error{invalid_argument} if the memory ends before.
  virtual void read(std::uint64_t offset, std::span<std::byte> target) const = 0;
  /// Makes sure that the region can be written to. Throws Error{permission_denied}.
  virtual void prepare_to_write() const = 0;
  /// Writes from `offset` of the region on, after prepare_to_write(). Throws Error{invalid_argument} if the memory ends
  /// before, Error{resource_exhausted} if there is none behind it.
  virtual void write(std::uint64_t offset, std::span<const std::byte> bytes) const = 0;

  /// Says of two regions whether they are parts of one piece of memory, under whichever names.
  struct Object {
    SharedMemoryKind kind = SharedMemoryKind::system;
    std::uint64_t device = 0, number = 0;
    friend bool operator==(const Object&, const Object&) = default;
  };
  virtual Object object() const = 0;

 private:
  const RegionDescription description_;
};

/// A part of a POSIX shared-memory object. The object is kept open and read and written by system calls, never mapped:
/// whatever its owner does to it while it is used (shrinking, unlinking, writing) ends in a clean error or in other
/// bytes, not in a fault of this process.
class SystemRegion final : public SharedRegion {
 public:
  /// Opens the object for reading. Throws Error{internal} if there is none that this process may open,
  /// Error{permission_denied} if it is no plain object of one of the users `owners` or open to all users, and
  /// Error{invalid_argument} if it does not reach to the region's end.
  SystemRegion(RegionDescription description, const std::set<::uid_t>& owners);

  void read(std::uint64_t offset, std::span<std::byte> target) const override;
  void prepare_to_write() const override;
  void write(std::uint64_t offset, std::span<const std::byte> bytes) const override;
  Object object() const override { return object_; }

 private:
  [[noreturn]] void fail_short(const char* act) const;

  const FileDescriptor reading_;
  Object object_;  // constant after construction
  mutable std::mutex mutex_;
  mutable FileDescriptor writing_;  // set once, guarded by mutex_
};

/// Bytes of a region that a tensor takes or goes to; keeps the region open.
struct SharedBytes {
  std::shared_ptr<const SharedRegion> region;
  std::uint64_t offset = 0;  ///< in the region
  std::int64_t size = 0;

  /// Throws Error{internal} if `target` is not exactly as large, and what SharedRegion::read throws.
  void copy_to(std::span<std::byte> target) const;
  bool overlaps(const SharedBytes& other) const;
};

}  // namespace voxd
