#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <source_location>

#include "gpu_transforms/immediate_stream.h"
#include "gpu_transforms/simt.h"

// How the simt backend runs the verbs of parallel.h, which alone includes this.
namespace voxd::parallel {

/// Where the lanes of one team wait for each other. Safe from its lanes' threads.
class LaneGroup {
 public:
  virtual ~LaneGroup() = default;
  /// Before a lane's first step, and after its last.
  virtual void enter(int lane) = 0;
  virtual void leave(int lane) = 0;
  /// Returns when every lane has come.
  virtual void sync(int lane) = 0;
};

/// The team of for_each_team as one of its lanes sees it: lane l works on elements l, l + lanes, ... in an order of its
/// own. Used by the lane's thread.
class SimtTeam {
 public:
  SimtTeam(std::byte* memory, int lane, const SimtOptions& options, LaneGroup& group, std::uint64_t seed)
      : scratch(memory), lane_(lane), options_(options), group_(group), seed_(seed) {}

  template <class G>
  void each(std::int32_t n, G g) const {
    const std::int32_t count = n > lane_ ? (n - lane_ - 1) / options_.lanes + 1 : 0;
    const bool backwards = (seed_ + static_cast<std::uint64_t>(lane_)) % 2 == 1;
    const std::int32_t first = count > 0 ? static_cast<std::int32_t>(seed_ % static_cast<std::uint64_t>(count)) : 0;
    for (std::int32_t i = 0; i < count; ++i) {
      const std::int32_t turned = (first + i) % count;
      g(lane_ + (backwards ? count - 1 - turned : turned) * options_.lanes);
    }
  }
  template <class G>
  void each_pair(std::int32_t rows, std::int32_t columns, G g) const {
    each(rows * columns, [&](std::int32_t i) { g(i / columns, i % columns); });
  }
  template <class G>
  void each_adding(std::int32_t n, G g) const {
    each(n, g);
  }
  template <class Wanted, class G>
  void each_adding_where(std::int32_t n, Wanted wanted, G g) const {
    each(n, [&](std::int32_t i) {
      if (wanted(i)) g(i);
    });
  }
  void sync(const std::source_location& at = std::source_location::current()) const {
    if (options_.sync_sites == nullptr || options_.sync_sites->meet({at.file_name(), at.line()})) group_.sync(lane_);
  }
  void add(std::uint32_t* counter, std::uint32_t value) const {
    std::atomic_ref<std::uint32_t>(*counter).fetch_add(value, std::memory_order_relaxed);
  }

  std::byte* const scratch;

 private:
  const int lane_;
  const SimtOptions& options_;
  LaneGroup& group_;
  const std::uint64_t seed_;
};

/// One thread at a time, like every stream; the lanes' threads live within run_teams.
class SimtStream : public ImmediateStream {
 public:
  explicit SimtStream(const SimtOptions& options) : ImmediateStream(Backend::simt, 1), options_(options) {}

  const SimtOptions& options() const { return options_; }
  /// Runs `body` for each of the rows on all lanes of a team, in shuffled order; part of the stream's work.
  void run_teams(std::int64_t rows, std::size_t scratch_bytes,
                 const std::function<void(const SimtTeam&, std::int64_t)>& body);

  std::int64_t first_task(std::int64_t tasks) const override {
    return options_.last_rows > 0 ? std::max<std::int64_t>(0, tasks - options_.last_rows) : 0;
  }

 private:
  const SimtOptions options_;
};

/// Enqueues body(row, lanes) for the rows that the stream runs, the last one first.
void enqueue_simt_rows(Stream& stream, std::int64_t rows, std::function<void(std::int64_t, std::int32_t)> body);
/// Enqueues body(team, row) on every lane of every team.
void enqueue_simt_teams(Stream& stream, std::int64_t rows, std::size_t scratch_bytes,
                        std::function<void(const SimtTeam&, std::int64_t)> body);

template <class F>
void simt_for_each_row(Stream& stream, std::int64_t rows, std::int32_t nz, F f) {
  enqueue_simt_rows(stream, rows, [f, nz](std::int64_t r, std::int32_t lanes) {
    const auto row = f.row(r);
    for (std::int32_t lane = 0; lane < lanes; ++lane)
      for (std::int32_t z = lane; z < nz; z += lanes) row(z);
  });
}

template <class F>
void simt_for_each_team(Stream& stream, std::int64_t rows, std::size_t scratch_bytes, F f) {
  enqueue_simt_teams(stream, rows, scratch_bytes, [f](const SimtTeam& team, std::int64_t r) { f(team, r); });
}

}  // namespace voxd::parallel
