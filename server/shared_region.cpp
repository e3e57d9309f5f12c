#include "server/shared_region.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <system_error>

#include "gpu_transforms/volume/error.h"
#include "server/printable.h"

namespace voxd {
namespace {

std::string system_message(int error) { return std::generic_category().message(error); }

// O_NONBLOCK, because opening a pipe of that name would wait for its writer.
FileDescriptor open_object(const RegionDescription& region) {
  FileDescriptor file(::shm_open(region.key.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0));
  const int error = errno;
  if (!file.is_open())
    fail(Code::internal, "Unable to open shared memory region: '", printable(region.name), "': key '",
         printable(region.key, 128), "': ", system_message(error));
  return file;
}

struct ::stat state_of(const FileDescriptor& file, const RegionDescription& region) {
  struct ::stat state {};
  if (::fstat(file.number(), &state) != 0)
    fail(Code::internal, "Unable to open shared memory region: '", printable(region.name),
         "': ", system_message(errno));
  return state;
}

void check_object(const struct ::stat& state, const RegionDescription& region, const std::set<::uid_t>& owners) {
  constexpr ::mode_t all_users = 07;
  if (!S_ISREG(state.st_mode))
    fail(Code::permission_denied, "shared memory region '", printable(region.name), "': is no shared-memory object");
  if (!owners.contains(state.st_uid))
    fail(Code::permission_denied, "shared memory region '", printable(region.name),
         "': belongs to neither the server's user nor one that --shm-uid names");
  if ((state.st_mode & all_users) != 0)
    fail(Code::permission_denied, "shared memory region '", printable(region.name), "': is open to all users (mode ",
         std::oct, state.st_mode & 0777, "), at most 0660 is taken");
}

void check_size(const struct ::stat& state, const RegionDescription& region) {
  std::uint64_t end = 0;
  if (__builtin_add_overflow(region.offset, region.byte_size, &end) || state.st_size < 0 ||
      end > static_cast<std::uint64_t>(state.st_size))
    fail(Code::invalid_argument, "Invalid offset and byte size of shared memory region: '", printable(region.name),
         "': from ", region.offset, ", ", region.byte_size, " bytes, of an object of ", state.st_size);
}

}  // namespace

void SharedRegion::check_range(std::uint64_t offset, std::uint64_t size) const {
  if (offset > description_.byte_size || size > description_.byte_size - offset)
    fail(Code::invalid_argument, "Invalid offset + byte size for shared memory region: '", printable(description_.name),
         "': from ", offset, ", ", size, " bytes, of ", description_.byte_size);
}

SystemRegion::SystemRegion(RegionDescription its_description, const std::set<::uid_t>& owners)
    : SharedRegion(std::move(its_description)), reading_(open_object(description())) {
  const struct ::stat state = state_of(reading_, description());
  check_object(state, description(), owners);
  check_size(state, description());
  object_ = {SharedMemoryKind::system, state.st_dev, state.st_ino};
}

void SystemRegion::read(std::uint64_t offset, std::span<std::byte> target) const {
  check_range(offset, target.size());
  std::uint64_t from = description().offset + offset;
  while (!target.empty()) {
    const ::ssize_t count = ::pread(reading_.number(), target.data(), target.size(), static_cast<::off_t>(from));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) fail_short("read");
    from += static_cast<std::uint64_t>(count);
    target = target.subspan(static_cast<std::size_t>(count));
  }
}

// By way of /proc: the very object that is open, whatever its name stands for by now.
void SystemRegion::prepare_to_write() const {
  const std::lock_guard lock(mutex_);
  if (writing_.is_open()) return;
  const std::string path = "/proc/self/fd/" + std::to_string(reading_.number());
  writing_ = FileDescriptor(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  const int error = errno;
  if (!writing_.is_open())
    fail(Code::permission_denied, "shared memory region '", printable(description().name),
         "': cannot be written to: ", system_message(error));
}

// Writing would make an object longer again that its owner has cut.
void SystemRegion::write(std::uint64_t offset, std::span<const std::byte> bytes) const {
  check_range(offset, bytes.size());
  prepare_to_write();
  std::uint64_t to = description().offset + offset;
  if (static_cast<std::uint64_t>(state_of(reading_, description()).st_size) < to + bytes.size()) fail_short("written");
  while (!bytes.empty()) {
    const ::ssize_t count = ::pwrite(writing_.number(), bytes.data(), bytes.size(), static_cast<::off_t>(to));
    const int error = errno;
    if (count < 0 && error == EINTR) continue;
    if (count <= 0)
      fail(Code::resource_exhausted, "shared memory region '", printable(description().name),
           "': cannot be written to: ", system_message(error));
    to += static_cast<std::uint64_t>(count);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void SystemRegion::fail_short(const char* act) const {
  fail(Code::invalid_argument, "shared memory region '", printable(description().name), "': could not be ", act,
       " to its end; its object became shorter than when it was registered");
}

void SharedBytes::copy_to(std::span<std::byte> target) const {
  if (static_cast<std::int64_t>(target.size()) != size)
    fail(Code::internal, "shared bytes: ", size, " bytes copied to ", target.size());
  region->read(offset, target);
}

bool SharedBytes::overlaps(const SharedBytes& other) const {
  if (region->object() != other.region->object() || size == 0 || other.size == 0) return false;
  const std::uint64_t begin = region->description().offset + offset;
  const std::uint64_t other_begin = other.region->description().offset + other.offset;
  return begin < other_begin + static_cast<std::uint64_t>(other.size) &&
         other_begin < begin + static_cast<std::uint64_t>(size);
}

}  // namespace voxd
