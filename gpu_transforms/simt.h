#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "gpu_transforms/stream.h"

// A backend for tests that runs a team's lanes as CUDA would, without a card: each lane is a thread, and lanes meet at
// sync() and nowhere else. What a kernel gets away with on the CPU, where one thread is all lanes, shows here.
namespace voxd {

/// A call of sync() in the sources.
struct SyncSite {
  std::string file;
  std::uint32_t line = 0;
  auto operator<=>(const SyncSite&) const = default;
};

/// Which sync() calls have been met, and the one that is left out, to see that it is needed. Safe from any thread.
class SyncSites {
 public:
  void skip(std::optional<SyncSite> site);
  std::set<SyncSite> met() const;
  /// Whether the lanes are to wait at this site; remembers that it was met.
  bool meet(const SyncSite& site);

 private:
  mutable std::mutex mutex_;
  std::set<SyncSite> met_;           // guarded by mutex_
  std::optional<SyncSite> skipped_;  // guarded by mutex_
};

/// How the lanes of a team take turns. `together`: they all run, two teams at a time. The others let one lane run at a
/// time, from one sync() to the next, so that a missing sync() gives the same wrong result each time.
enum class LaneOrder { together, ascending, descending };

struct SimtOptions {
  int lanes = 32;
  LaneOrder order = LaneOrder::together;
  std::uint64_t seed = 1;           ///< of the order of rows and of each lane's elements
  std::int64_t last_rows = 0;       ///< > 0: every verb runs this many of its last rows or elements only, a copy
                                    ///< of its last pieces
  SyncSites* sync_sites = nullptr;  ///< must outlive the stream
};

/// A stream that runs work as it is enqueued; before each row a team's scratch memory is filled, with
/// 0 for an even seed and 0xff for an odd one.
/// Throws Error{failed_precondition} where the build has no simt backend (VOXD_TESTS off, or VOXD_CUDA on),
/// Error{invalid_argument} for fewer than 1 or more than 1024 lanes.
std::unique_ptr<Stream> make_simt_stream(const SimtOptions& options);
/// Whether this build has the backend.
bool has_simt();

}  // namespace voxd
