#pragma once

#include <sys/types.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>

#include "server/file_descriptor.h"

namespace voxd {

/// What a caller says of memory that it shares.
struct RegionDescription {
  std::string name;             ///< under which requests refer to it
  std::string key;              ///< of the POSIX shared-memory object, "/voxd_volume"
  std::uint64_t offset = 0;     ///< in the object, where the region begins
  std::uint64_t byte_size = 0;  ///< of the region
};

/// A part of a POSIX shared-memory object of another process. The object is kept open and read and written by system
/// calls, never mapped: whatever its owner does to it while it is used (shrinking, unlinking, writing) ends in a clean
/// error or in other bytes, not in a fault of this process. Safe from any thread.
class SharedRegion {
 public:
  /// Opens the object for reading. Throws Error{internal} if there is none that this process may open,
  /// Error{permission_denied} if it is no plain object of one of the users `owners` or open to all users, and
  /// Error{invalid_argument} if it does not reach to the region's end.
  SharedRegion(RegionDescription description, const std::set<::uid_t>& owners);

  const RegionDescription& description() const { return description_; }

  /// Throws Error{invalid_argument} if the bytes are not all inside the region.
  void check_range(std::uint64_t offset, std::uint64_t size) const;
  /// Reads from `offset` of the region on. Throws Error{invalid_argument} if the object ends before.
  void read(std::uint64_t offset, std::span<std::byte> target) const;
  /// Opens the object for writing, too, if it is not yet. Throws Error{permission_denied}.
  void prepare_to_write() const;
  /// Writes from `offset` of the region on, after prepare_to_write(). Throws Error{invalid_argument} if the object ends
  /// before, Error{resource_exhausted} if there is no memory behind it.
  void write(std::uint64_t offset, std::span<const std::byte> bytes) const;

  /// Says of two regions whether they are of one object, under whichever keys.
  struct Object {
    ::dev_t device = 0;
    ::ino_t inode = 0;
    friend bool operator==(const Object&, const Object&) = default;
  };
  const Object& object() const { return object_; }

 private:
  [[noreturn]] void fail_short(const char* act) const;

  const RegionDescription description_;  // constant after construction, as are the next two
  FileDescriptor reading_;
  Object object_;
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
