#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gpu_transforms/job_context.h"
#include "server/cuda_region.h"

namespace voxd {

/// The regions that callers have registered, by name. Callers over unix sockets and callers over loopback addresses do
/// not see each other's, nor do callers with different certificates or tokens. A region that is taken out stays open
/// for the requests that use it. Safe from any thread.
class SharedMemory {
 public:
  struct Options {
    bool enabled = false;
    bool cuda = false;                                ///< memory of CUDA devices, too
    bool allow_remote = false;                        ///< callers on other addresses may name regions, too
    std::vector<std::string> key_prefixes{"/voxd_"};  ///< with one of which a key begins
    std::vector<std::uint32_t> owners;                ///< user ids whose objects are taken, beside the server's own
    std::int64_t max_bytes = std::int64_t{64} << 30;  ///< of all regions together
    double idle_s = 0;                                ///< after which a region that nobody uses is forgotten; 0: never
    CudaImports::Import import = import_cuda_memory;
  };
  struct Caller {
    std::string peer;      ///< address, as gRPC writes it
    std::string identity;  ///< what its certificate or token says that it is; empty: neither
  };
  static constexpr std::size_t max_regions = 256;
  static constexpr std::size_t max_name = 128;  ///< characters of a name, and of a key

  explicit SharedMemory(Options options);

  bool enabled() const { return options_.enabled; }
  bool takes_cuda() const { return options_.enabled && options_.cuda; }
  /// Which regions the caller sees. Throws Error{unimplemented} when shared memory is
  /// off, Error{permission_denied} for a caller who may be on another machine.
  std::string scope_of(const Caller& caller) const;

  /// Throws Error{already_exists}; Error{resource_exhausted} at a limit; Error{invalid_argument} for a name or key that
  /// cannot be one; Error{unimplemented} for a kind that is off; and what the kind's region throws.
  void add(const std::string& scope, RegionDescription region, Clock::time_point now = Clock::now());
  /// Throws Error{not_found}.
  std::shared_ptr<const SharedRegion> find(const std::string& scope, const std::string& name,
                                           Clock::time_point now = Clock::now());
  /// All of that kind in the scope when `name` is empty. Throws Error{not_found}.
  std::vector<RegionDescription> list(SharedMemoryKind kind, const std::string& scope, const std::string& name = {},
                                      Clock::time_point now = Clock::now());
  /// All of that kind in the scope when `name` is empty; one that is not there is no error.
  void remove(SharedMemoryKind kind, const std::string& scope, const std::string& name = {},
              Clock::time_point now = Clock::now());

 private:
  struct Entry {
    std::shared_ptr<const SharedRegion> region;
    Clock::time_point added, used;
  };
  using Entries = std::map<std::pair<std::string, std::string>, Entry>;  // by scope and name

  void check_key(const RegionDescription& region) const;
  void check_kind(const RegionDescription& region) const;
  std::shared_ptr<const SharedRegion> open(RegionDescription description);
  void check_room(const std::string& scope, const RegionDescription& region) const;
  void forget_idle(Clock::time_point now);
  Entries::iterator erase(Entries::iterator entry, Clock::time_point now);

  const Options options_;
  const std::set<::uid_t> owners_;
  std::mutex mutex_;
  CudaImports imports_;  // guarded by mutex_, as are the next
  Entries entries_;
  std::int64_t bytes_ = 0;  // of all regions
};

}  // namespace voxd
