#include "gpu_transforms/simt.h"

#include <barrier>
#include <condition_variable>
#include <cstring>
#include <numeric>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "gpu_transforms/parallel_simt.h"
#include "gpu_transforms/volume/error.h"

namespace voxd {

void SyncSites::skip(std::optional<SyncSite> site) {
  const std::lock_guard lock(mutex_);
  skipped_ = std::move(site);
}

std::set<SyncSite> SyncSites::met() const {
  const std::lock_guard lock(mutex_);
  return met_;
}

bool SyncSites::meet(const SyncSite& site) {
  const std::lock_guard lock(mutex_);
  met_.insert(site);
  return site != skipped_;
}

#ifdef VOXD_SIMT

bool has_simt() { return true; }

std::unique_ptr<Stream> make_simt_stream(const SimtOptions& options) {
  if (options.lanes < 1 || options.lanes > 1024)
    fail(Code::invalid_argument, "lanes: ", options.lanes, ", must be 1 to 1024");
  return std::make_unique<parallel::SimtStream>(options);
}

namespace parallel {
namespace {

/// All lanes run; they wait at a barrier.
class Together : public LaneGroup {
 public:
  explicit Together(int lanes) : barrier_(lanes) {}
  void enter(int) override {}
  void leave(int) override {}
  void sync(int) override { barrier_.arrive_and_wait(); }

 private:
  std::barrier<> barrier_;
};

/// One lane runs at a time; at a sync() the next one does.
class TakingTurns : public LaneGroup {
 public:
  TakingTurns(int lanes, bool descending) : lanes_(lanes), descending_(descending) {}

  void enter(int lane) override {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return turn_ == place_of(lane); });
  }
  void leave(int) override {
    const std::lock_guard lock(mutex_);
    turn_ = (turn_ + 1) % lanes_;
    changed_.notify_all();
  }
  void sync(int lane) override {
    leave(lane);
    enter(lane);
  }

 private:
  int place_of(int lane) const { return descending_ ? lanes_ - 1 - lane : lane; }

  const int lanes_;
  const bool descending_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int turn_ = 0;  // guarded by mutex_
};

std::unique_ptr<LaneGroup> make_group(const SimtOptions& options) {
  if (options.order == LaneOrder::together) return std::make_unique<Together>(options.lanes);
  return std::make_unique<TakingTurns>(options.lanes, options.order == LaneOrder::descending);
}

/// One team after the other in the same scratch memory, on the same lanes.
class TeamRunner {
 public:
  TeamRunner(const SimtOptions& options, std::size_t scratch_bytes)
      : options_(options), group_(make_group(options)), scratch_(scratch_bytes / sizeof(Line) + 1) {}

  /// Every `step`th of the rows, from number `first`.
  void start(const std::vector<std::int64_t>& rows, std::size_t first, std::size_t step,
             const std::function<void(const SimtTeam&, std::int64_t)>& body) {
    for (int lane = 0; lane < options_.lanes; ++lane)
      lanes_.emplace_back([&, first, step, lane] {
        group_->enter(lane);
        for (std::size_t i = first; i < rows.size(); i += step) {
          if (lane == 0)
            std::memset(scratch_.data(), options_.seed % 2 == 0 ? 0 : 0xff, scratch_.size() * sizeof(Line));
          group_->sync(lane);
          body(SimtTeam(scratch_.data()->bytes, lane, options_, *group_, options_.seed + i), rows[i]);
          group_->sync(lane);
        }
        group_->leave(lane);
      });
  }

 private:
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  const SimtOptions& options_;
  std::unique_ptr<LaneGroup> group_;
  std::vector<Line> scratch_;
  std::vector<std::jthread> lanes_;  // last: they are joined before the rest goes
};

SimtStream& as_simt_stream(Stream& stream) {
  auto* simt = dynamic_cast<SimtStream*>(&stream);
  if (simt == nullptr) fail(Code::internal, "stream of backend ", name_of(stream.backend()), " used as a simt stream");
  return *simt;
}

}  // namespace

void SimtStream::run_teams(std::int64_t rows, std::size_t scratch_bytes,
                           const std::function<void(const SimtTeam&, std::int64_t)>& body) {
  const std::int64_t first = first_task(rows);
  std::vector<std::int64_t> order(static_cast<std::size_t>(rows - first));
  std::iota(order.begin(), order.end(), first);
  std::shuffle(order.begin(), order.end(), std::mt19937_64(options_.seed));
  const std::size_t teams = options_.order == LaneOrder::together && order.size() > 1 ? 2 : 1;
  std::vector<std::unique_ptr<TeamRunner>> runners;
  for (std::size_t team = 0; team < teams; ++team)
    runners.push_back(std::make_unique<TeamRunner>(options_, scratch_bytes));
  for (std::size_t team = 0; team < teams; ++team) runners[team]->start(order, team, teams, body);
}

void enqueue_simt_rows(Stream& stream, std::int64_t rows, std::function<void(std::int64_t, std::int32_t)> body) {
  SimtStream& simt = as_simt_stream(stream);
  simt.enqueue([rows, body = std::move(body), &simt] {
    for (std::int64_t r = rows - 1; r >= simt.first_task(rows); --r) body(r, simt.options().lanes);
  });
}

void enqueue_simt_teams(Stream& stream, std::int64_t rows, std::size_t scratch_bytes,
                        std::function<void(const SimtTeam&, std::int64_t)> body) {
  SimtStream& simt = as_simt_stream(stream);
  simt.enqueue([=, body = std::move(body), &simt] { simt.run_teams(rows, scratch_bytes, body); });
}

}  // namespace parallel

#else

bool has_simt() { return false; }

std::unique_ptr<Stream> make_simt_stream(const SimtOptions&) {
  fail(Code::failed_precondition, "backend simt: for tests, not in this build");
}

#endif

}  // namespace voxd
