#include "client/voxctl/bench_load.h"

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <thread>

#include "gpu_transforms/volume/status_name.h"

namespace voxd::ctl {
namespace {

using Clock = std::chrono::steady_clock;

double ms_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

/// Hands out the requests to the connections' threads and takes their answers. Safe from any thread.
class BenchRun {
 public:
  BenchRun(const std::vector<BenchImage>& images, const BenchPlan& plan) : images_(images), plan_(plan) {}

  void begin() { start_ = Clock::now(); }

  struct Turn {
    std::int64_t number;
    Clock::time_point due;
  };
  /// The next request, when its time has come; empty when there is none any more.
  std::optional<Turn> next(const std::stop_token& stop) {
    Turn turn;
    {
      const std::lock_guard lock(mutex_);
      turn.number = next_++;
    }
    if (plan_.count > 0 && turn.number >= plan_.count) return std::nullopt;
    turn.due = plan_.rate > 0 ? start_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(
                                             static_cast<double>(turn.number) / plan_.rate))
                              : Clock::now();
    if (plan_.duration.count() > 0 && turn.due - start_ >= plan_.duration) return std::nullopt;
    std::mutex sleeping;
    std::condition_variable_any stopped;
    std::unique_lock lock(sleeping);
    stopped.wait_until(lock, stop, turn.due, [] { return false; });
    if (stop.stop_requested()) return std::nullopt;
    return turn;
  }

  const BenchImage& image(const Turn& turn) const {
    return images_[static_cast<std::size_t>(turn.number) % images_.size()];
  }

  void answered(const Turn& turn, BenchAnswer answer) {
    const Clock::time_point now = Clock::now();
    const std::lock_guard lock(mutex_);
    result_.latency_ms.push_back(ms_between(turn.due, now));
    result_.bytes_sent += answer.bytes_sent;
    result_.bytes_received += answer.bytes_received;
    for (const auto& [stage, ms] : answer.stage_ms) result_.stage_ms[stage].push_back(ms);
    if (&image(turn) == &images_.front()) result_.labels = std::move(answer.labels);
    result_.seconds = ms_between(start_, now) / 1000;
  }

  void failed(const Error& error) {
    const std::lock_guard lock(mutex_);
    const std::string name(status_name_of(error.code()));
    ++result_.errors[name];
    result_.examples.emplace(name, error.what());
    result_.seconds = ms_between(start_, Clock::now()) / 1000;
  }

  BenchResult result() {
    std::sort(result_.latency_ms.begin(), result_.latency_ms.end());
    for (auto& [stage, ms] : result_.stage_ms) std::sort(ms.begin(), ms.end());
    return std::move(result_);
  }

 private:
  const std::vector<BenchImage>& images_;
  const BenchPlan& plan_;
  Clock::time_point start_;  // constant after begin()
  std::mutex mutex_;
  std::int64_t next_ = 0;  // guarded by mutex_, as is the next
  BenchResult result_;
};

// What fails while the caller stops it is no error of the server's.
void send_all(BenchSender& sender, BenchRun& run, const std::stop_token& stop) {
  while (const std::optional<BenchRun::Turn> turn = run.next(stop)) {
    try {
      run.answered(*turn, sender.send(run.image(*turn), stop));
    } catch (const Error& error) {
      if (!stop.stop_requested()) run.failed(error);
    }
  }
}

}  // namespace

std::int64_t BenchResult::failed() const {
  std::int64_t sum = 0;
  for (const auto& [code, count] : errors) sum += count;
  return sum;
}

double BenchResult::per_second() const { return seconds > 0 ? static_cast<double>(latency_ms.size()) / seconds : 0; }

double percentile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::clamp<std::size_t>(rank, 1, sorted.size()) - 1];
}

BenchResult run_bench(Way way, const BenchTarget& target, const std::vector<BenchImage>& images, const BenchPlan& plan,
                      std::stop_token stop) {
  std::vector<std::unique_ptr<BenchSender>> senders;
  for (int i = 0; i < plan.concurrency; ++i) senders.push_back(make_sender(way, target));
  for (const auto& sender : senders)
    for (int i = 0; i < plan.warm_up && !stop.stop_requested(); ++i)
      sender->send(images[static_cast<std::size_t>(i) % images.size()], stop);
  BenchRun run(images, plan);
  run.begin();
  {
    std::vector<std::jthread> threads;
    for (const auto& sender : senders)
      threads.emplace_back([&run, &stop, sender = sender.get()] { send_all(*sender, run, stop); });
  }
  return run.result();
}

}  // namespace voxd::ctl
