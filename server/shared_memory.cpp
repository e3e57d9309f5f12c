#include "server/shared_memory.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "server/printable.h"

namespace voxd {
namespace {

constexpr const char* kDisabled = "Client shared memory is disabled: the server was started without --shm";
constexpr const char* kNoCuda =
    "Client shared memory is disabled: this server does not take memory of CUDA devices (--shm system+cuda)";
// Objects of this name are not memory that a client shares: semaphores, and what Triton's Python backend keeps to
// itself.
constexpr std::array<std::string_view, 2> kReserved{"sem.", "triton_python_backend_shm_region"};

std::set<::uid_t> with_own(const std::vector<std::uint32_t>& owners) {
  std::set<::uid_t> all(owners.begin(), owners.end());
  all.insert(::geteuid());
  return all;
}

bool is_loopback(const std::string& peer) {
  // gRPC writes the brackets of an IPv6 address as they are or percent-encoded.
  for (const char* host : {"ipv4:127.", "ipv6:[::1]:", "ipv6:%5B::1%5D:"})
    if (peer.starts_with(host)) return true;
  return false;
}

void check_name(const std::string& name) {
  if (name.empty()) fail(Code::invalid_argument, "shared memory region name: empty");
  if (name.size() > SharedMemory::max_name)
    fail(Code::invalid_argument, "shared memory region name: ", name.size(), " characters, at most ",
         SharedMemory::max_name);
}

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

SharedMemory::SharedMemory(Options options)
    : options_(std::move(options)), owners_(with_own(options_.owners)), imports_(options_.import) {}

std::string SharedMemory::scope_of(const Caller& caller) const {
  if (!options_.enabled) fail(Code::unimplemented, kDisabled);
  const std::string identity = caller.identity.empty() ? std::string() : " " + caller.identity;
  if (caller.peer.starts_with("unix:")) return "unix" + identity;
  if (is_loopback(caller.peer)) return "loopback" + identity;
  if (!options_.allow_remote)
    fail(Code::permission_denied,
         "Client shared memory is disabled for callers that may be on another machine (--shm-allow-remote)");
  return "remote" + identity;
}

void SharedMemory::add(const std::string& scope, RegionDescription description, Clock::time_point now) {
  check_name(description.name);
  check_kind(description);
  const std::lock_guard lock(mutex_);
  forget_idle(now);
  check_room(scope, description);
  const auto size = static_cast<std::int64_t>(description.byte_size);
  const std::shared_ptr<const SharedRegion> region = open(std::move(description));
  entries_[{scope, region->description().name}] = {region, now, now};
  bytes_ += size;
  spdlog::info("shared memory region '{}' of {} bytes registered", printable(region->description().name), size);
}

std::shared_ptr<const SharedRegion> SharedMemory::find(const std::string& scope, const std::string& name,
                                                       Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  forget_idle(now);
  const auto entry = entries_.find({scope, name});
  if (entry == entries_.end())
    fail(Code::not_found, "Unable to find shared memory region: '", printable(name, max_name), "'");
  entry->second.used = now;
  return entry->second.region;
}

std::vector<RegionDescription> SharedMemory::list(SharedMemoryKind kind, const std::string& scope,
                                                  const std::string& name, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  forget_idle(now);
  std::vector<RegionDescription> regions;
  for (const auto& [place, entry] : entries_)
    if (entry.region->description().kind == kind && place.first == scope && (name.empty() || place.second == name))
      regions.push_back(entry.region->description());
  if (!name.empty() && regions.empty())
    fail(Code::not_found, "Unable to find ", kind == SharedMemoryKind::cuda ? "cuda" : "system",
         " shared memory region: '", printable(name, max_name), "'");
  return regions;
}

void SharedMemory::remove(SharedMemoryKind kind, const std::string& scope, const std::string& name,
                          Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  forget_idle(now);
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const auto& [in, called] = entry->first;
    const bool is_meant =
        entry->second.region->description().kind == kind && in == scope && (name.empty() || called == name);
    entry = is_meant ? erase(entry, now) : std::next(entry);
  }
}

void SharedMemory::check_key(const RegionDescription& region) const {
  const auto refuse = [&region](auto... why) {
    fail(Code::invalid_argument, "shared memory key '", printable(region.key, max_name), "' of region '",
         printable(region.name), "': ", why...);
  };
  const std::string& key = region.key;
  const auto allowed = [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '_' || c == '-'; };
  if (key.size() < 2 || key.size() > max_name || key[0] != '/' || !std::all_of(key.begin() + 1, key.end(), allowed) ||
      key.find("..") != std::string::npos)
    refuse("must be '/' and then 1 to ", max_name - 1, " of letters, digits, '.', '_' and '-', without '..'");
  for (const std::string_view reserved : kReserved)
    if (key.compare(1, reserved.size(), reserved) == 0) refuse("is reserved");
  const auto begins_key = [&key](const std::string& prefix) { return key.starts_with(prefix); };
  if (std::none_of(options_.key_prefixes.begin(), options_.key_prefixes.end(), begins_key))
    refuse("begins with none of the prefixes that this server takes (--shm-key-prefix)");
}

void SharedMemory::check_kind(const RegionDescription& region) const {
  if (region.kind == SharedMemoryKind::system)
    check_key(region);
  else if (!options_.cuda)
    fail(Code::unimplemented, kNoCuda);
  if (region.byte_size == 0)
    fail(Code::invalid_argument, "shared memory region '", printable(region.name), "': byte_size: 0 bytes, at least 1");
}

std::shared_ptr<const SharedRegion> SharedMemory::open(RegionDescription description) {
  if (description.kind == SharedMemoryKind::system)
    return std::make_shared<const SystemRegion>(std::move(description), owners_);
  std::shared_ptr<const ImportedMemory> memory = imports_.open(description);
  return std::make_shared<const CudaRegion>(std::move(description), std::move(memory));
}

void SharedMemory::check_room(const std::string& scope, const RegionDescription& region) const {
  if (entries_.contains({scope, region.name}))
    fail(Code::already_exists, "shared memory region '", printable(region.name, max_name), "' already in manager");
  if (entries_.size() >= max_regions)
    fail(Code::resource_exhausted, "shared memory: ", entries_.size(), " regions are registered, at most ",
         max_regions);
  if (region.byte_size > static_cast<std::uint64_t>(options_.max_bytes - bytes_))
    fail(Code::resource_exhausted, "shared memory region '", printable(region.name), "': ", region.byte_size,
         " bytes, ", bytes_, " are registered, at most ", options_.max_bytes, " together (--shm-bytes)");
}

void SharedMemory::forget_idle(Clock::time_point now) {
  if (options_.idle_s <= 0) return;
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    // One more owner than this map: a request that runs.
    const bool idle =
        entry->second.region.use_count() == 1 && seconds_between(entry->second.used, now) > options_.idle_s;
    entry = idle ? erase(entry, now) : std::next(entry);
  }
}

SharedMemory::Entries::iterator SharedMemory::erase(Entries::iterator entry, Clock::time_point now) {
  const RegionDescription& region = entry->second.region->description();
  bytes_ -= static_cast<std::int64_t>(region.byte_size);
  spdlog::info("shared memory region '{}' of {} bytes forgotten after {:.0f} s, {:.0f} s after its last use",
               printable(region.name), region.byte_size, seconds_between(entry->second.added, now),
               seconds_between(entry->second.used, now));
  return entries_.erase(entry);
}

}  // namespace voxd
