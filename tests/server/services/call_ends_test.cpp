#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <future>
#include <map>
#include <random>
#include <regex>
#include <thread>

#include "tests/server/services/server_fixture.h"
#include "tests/support/catch.h"
#include "tests/support/nifti_builder.h"
#include "tests/support/temporary_folder.h"

namespace call_ends_test {

// How soon a call that is cancelled or expires lets go of the server, at random moments of each of its phases, on a
// server that computes on every core. VOXD_TEST_ENDS=200 makes that many of each kind and holds them to the bounds
// that are promised; fewer are a check that each ends at all, in the stage that is reported.
using namespace voxd;
using namespace voxd::test;

namespace {

namespace fs = std::filesystem;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr double kSlackMs = 50;       // beside one window batch, until the processor is free
constexpr double kQueuedMs = 20;      // until a waiting job's caller has its answer
constexpr std::int64_t kBatches = 4;  // of model "windows" on its image
constexpr int kEnoughForPercentiles = 40;

enum class Phase { upload, queue, run, encode, send };
enum class Cause { cancel, deadline };

void write_bundle(const fs::path& folder, const fs::path& network, const std::string& inferer) {
  fs::create_directories(folder / "configs");
  fs::create_directories(folder / "models");
  std::ofstream(folder / "configs/inference.json")
      << R"({"preprocessing": {"_target_": "Compose", "transforms": [{"_target_": "LoadImaged", "keys": "image"}]},
      "inferer": )"
      << inferer << R"(,
      "postprocessing": {"_target_": "Compose", "transforms": [
        {"_target_": "Activationsd", "keys": "pred", "softmax": true},
        {"_target_": "AsDiscreted", "keys": "pred", "argmax": true}]}})";
  std::ofstream(folder / "configs/serving.json") << R"({"warm_up_size": [32, 32, 32], "warm_up_image": [32, 32, 32]})";
  fs::copy_file(network, folder / "models/model.ts");
}

std::string inferer_of(int roi, int batch, double overlap) {
  return R"({"_target_": "SlidingWindowInferer", "roi_size": [)" + std::to_string(roi) + ", " + std::to_string(roi) +
         ", " + std::to_string(roi) + R"(], "sw_batch_size": )" + std::to_string(batch) + R"(, "overlap": )" +
         std::to_string(overlap) + "}";
}

/// Noise, which no file format makes smaller.
std::string noise(std::int64_t size) {
  NiftiSpec spec;
  spec.ramp(size, size, size);
  spec.stored = DType::f32;
  std::mt19937 random(7);
  for (double& value : spec.values) value = std::uniform_real_distribution<double>(0, 1)(random);
  const std::vector<std::byte> bytes = nifti_bytes(spec);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

struct Image {
  std::string model, bytes;
};

void upload(SegmentCaller& caller, const std::string& bytes) {
  constexpr std::size_t chunk = 1 << 20;
  for (std::size_t offset = 0; offset < bytes.size(); offset += chunk)
    caller.send("p", offset, bytes.substr(offset, chunk));
  caller.end_upload();
}

v1::Open open_for(const Image& image) {
  v1::Open open = voxd::test::open_for(image.bytes, image.model);
  open.mutable_options()->set_probabilities(true);
  open.clear_request_id();
  return open;
}

/// Two workers on one thread each, and three models: "windows" of a real network, "files" whose results are large, and
/// "slow", which runs for minutes.
struct EndsFixture {
  explicit EndsFixture() {
    silence_log();
    const fs::path unet = fs::path(VOXD_SOURCE_DIR) / "models/zoo/spleen_seg/models/model.ts";
    write_bundle(folder.path() / "windows", unet, inferer_of(64, 2, 0.25));
    write_bundle(folder.path() / "slow", unet, inferer_of(32, 1, 0.95));
    write_bundle(folder.path() / "files", fs::path(TEST_NETWORKS) / "threshold.ts", R"({"_target_": "SimpleInferer"})");
    Settings settings;
    settings.addresses = {"127.0.0.1:0"};
    settings.workers = kWorkers;
    settings.threads = 1;
    app = std::make_unique<App>(settings, std::make_unique<ModelRepository>(folder.path(), ModelRepository::Options{}));
  }
  /// How many calls ended early, by cause and stage, as the metrics say.
  std::map<std::pair<std::string, std::string>, int> ended_early() {
    static const std::regex line("voxd_calls_ended_early_total\\{cause=\"(\\w+)\",stage=\"(\\w+)\"\\} (\\d+)");
    const std::string text = app->records().metrics.text({});
    std::map<std::pair<std::string, std::string>, int> counts;
    for (std::sregex_iterator at(text.begin(), text.end(), line), end; at != end; ++at)
      counts[{(*at)[1], (*at)[2]}] = std::stoi((*at)[3]);
    return counts;
  }

  static constexpr int kWorkers = 2;
  TemporaryFolder folder;
  std::unique_ptr<App> app;
};

/// Calls that keep that many workers busy until they are cancelled.
class Blockers {
 public:
  Blockers(EndsFixture& fixture, const Image& image, int count) : app_(*fixture.app) {
    for (int i = 0; i < count; ++i) {
      callers_.push_back(std::make_unique<SegmentCaller>(connect(app_)));
      callers_.back()->send(open_for(image));
      REQUIRE(callers_.back()->wait_for_accepted());
      upload(*callers_.back(), image.bytes);
      REQUIRE(callers_.back()->wait_for(v1::Progress::NETWORK));
      readers_.emplace_back([caller = callers_.back().get()] { caller->finish(); });
    }
  }
  ~Blockers() {
    for (const auto& caller : callers_) caller->context().TryCancel();
    readers_.clear();
    while (app_.admission().calls() > 0) std::this_thread::yield();
  }
  Blockers(const Blockers&) = delete;

 private:
  App& app_;
  std::vector<std::unique_ptr<SegmentCaller>> callers_;
  std::vector<std::jthread> readers_;  // so that nobody seems to stall
};

struct Ended {
  std::string stage;              ///< as the metrics say; empty: it was answered in full before
  double call_ms = 0;             ///< from the cancel, or the deadline, until the server had ended the call
  std::optional<double> free_ms;  ///< the same until the worker that had the job was free
};

class Ends {
 public:
  Ends(EndsFixture& fixture, Phase phase, Cause cause, const Image& image, int blockers)
      : fixture_(fixture), phase_(phase), cause_(cause), image_(image), blockers_(blockers) {
    if (phase == Phase::queue) return;
    for (int i = 0; i < 3; ++i) learn();
  }
  double batch_ms() const { return network_ms_ / kBatches; }

  Ended one() {
    const auto before = fixture_.ended_early();
    SegmentCaller caller(connect(*fixture_.app));
    const Clock::time_point start = Clock::now();
    Clock::time_point given_up{};
    if (cause_ == Cause::deadline) {
      const auto patience = std::chrono::milliseconds(std::llround(patience_ms()));
      caller.context().set_deadline(std::chrono::system_clock::now() + patience);
      given_up = start + patience;
    }
    begin(caller);
    if (cause_ == Cause::cancel) {
      wait(fraction() * last_ms());
      given_up = Clock::now();
      caller.context().TryCancel();
    }
    Ended ended = watch(given_up);
    caller.end_upload();
    caller.finish();
    const std::string cause = cause_ == Cause::cancel ? "cancelled" : "expired";
    for (const auto& [key, count] : fixture_.ended_early()) {
      const auto was = before.find(key);
      if (was != before.end() && was->second == count) continue;
      CAPTURE(key.second);
      CHECK(key.first == cause);
      ended.stage = key.second;
    }
    return ended;
  }

 private:
  /// How long the parts of a call of this phase take when nobody gives it up.
  void learn() {
    SegmentCaller caller(connect(*fixture_.app));
    const Clock::time_point start = Clock::now();
    caller.send(open_for(image_));
    REQUIRE(caller.wait_for_accepted());
    upload(caller, image_.bytes);
    const double uploaded_ms = Milliseconds(Clock::now() - start).count();
    const SegmentOutcome outcome = caller.finish();
    REQUIRE(outcome.status.ok());
    const auto& stages = outcome.summary->stage_ms();
    to_network_ms_ = uploaded_ms + stages.at("queue") + stages.at("decode") + stages.at("pre");
    network_ms_ = stages.at("network");
    to_encode_ms_ = to_network_ms_ + network_ms_ + stages.at("post");
    encode_ms_ = stages.at("encode");
    while (fixture_.app->admission().calls() > blockers_) std::this_thread::yield();
  }
  /// Brings the call into its phase.
  void begin(SegmentCaller& caller) {
    caller.send(open_for(image_));
    if (!caller.wait_for_accepted()) return;
    if (phase_ == Phase::upload) {
      caller.send("p", 0, image_.bytes.substr(0, image_.bytes.size() / 2));
      return;
    }
    upload(caller, image_.bytes);
    if (cause_ == Cause::deadline) return;
    if (phase_ == Phase::queue) caller.wait_for(v1::Progress::QUEUE);
    if (phase_ == Phase::run) caller.wait_for(v1::Progress::NETWORK);
    if (phase_ == Phase::encode || phase_ == Phase::send) caller.wait_for(v1::Progress::ENCODE);
    if (phase_ == Phase::send)
      while (fixture_.app->workers().running() > blockers_) pause();
  }
  /// The longest that a cancel comes after the beginning of its phase.
  double last_ms() const {
    if (phase_ == Phase::run) return network_ms_;
    if (phase_ == Phase::encode) return encode_ms_;
    return 100;
  }
  double patience_ms() {
    switch (phase_) {
      case Phase::run: return to_network_ms_ + fraction() * network_ms_;
      case Phase::encode: return to_encode_ms_ + fraction() * encode_ms_;
      case Phase::send: return to_encode_ms_ + encode_ms_ + 50 + 100 * fraction();
      default: return 50 + 100 * fraction();
    }
  }
  double fraction() { return std::uniform_real_distribution<double>(0, 1)(random_); }
  static void pause() { std::this_thread::sleep_for(std::chrono::microseconds(100)); }
  static void wait(double ms) {
    const Clock::time_point until = Clock::now() + std::chrono::microseconds(std::llround(1000 * ms));
    while (Clock::now() < until) pause();
  }
  Ended watch(Clock::time_point given_up) const {
    Ended ended;
    const int running = phase_ == Phase::queue ? EndsFixture::kWorkers : blockers_;
    bool has_worker = false;
    for (;;) {
      const bool is_busy = fixture_.app->workers().running() > running;
      const double ms = Milliseconds(Clock::now() - given_up).count();
      if (ms >= 0 && has_worker && !is_busy && !ended.free_ms) ended.free_ms = ms;
      has_worker |= is_busy;
      if (fixture_.app->admission().calls() <= blockers_) {
        ended.call_ms = ms;
        return ended;
      }
      pause();
    }
  }

  EndsFixture& fixture_;
  const Phase phase_;
  const Cause cause_;
  const Image& image_;
  const int blockers_;
  std::mt19937 random_{std::random_device{}()};
  double to_network_ms_ = 0, network_ms_ = 0, to_encode_ms_ = 0, encode_ms_ = 0;
};

struct Times {
  std::vector<double> call, free;
};

/// Sorted; nearest rank.
double percentile(const std::vector<double>& sorted, double share) {
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted.at(std::max<std::size_t>(rank, 1) - 1);
}

/// Prints one line, and how many of the times lie below each limit and above the one before.
double show(const std::string& what, std::vector<double> ms) {
  std::sort(ms.begin(), ms.end());
  std::printf("| %-34s | %4zu | %7.1f | %7.1f | %7.1f |", what.c_str(), ms.size(), percentile(ms, 0.5),
              percentile(ms, 0.99), ms.back());
  double lower = -INFINITY;
  for (const double limit : {1., 2., 5., 10., 20., 50., 100., 200., 500., HUGE_VAL}) {
    std::printf(" %td", std::count_if(ms.begin(), ms.end(), [&](double one) { return one > lower && one <= limit; }));
    lower = limit;
  }
  std::printf(" |\n");
  return percentile(ms, 0.99);
}

int wanted() {
  const char* const text = std::getenv("VOXD_TEST_ENDS");
  return text ? std::atoi(text) : 1;
}

}  // namespace

TEST_CASE("whoever cancels or runs out of time lets go of the server soon, in every phase", "[ends]") {
  EndsFixture fixture;
  const Image windows{"windows", noise(96)}, files{"files", noise(112)}, slow{"slow", noise(160)};
  const int count = wanted();
  std::map<std::pair<std::string, std::string>, Times> times;  // by stage and cause
  double batch_ms = 0;
  int complete = 0;
  for (const Phase phase : {Phase::upload, Phase::queue, Phase::run, Phase::encode, Phase::send}) {
    const int blockers = phase == Phase::queue ? EndsFixture::kWorkers : 1;
    const Blockers busy(fixture, slow, blockers);
    for (const Cause cause : {Cause::cancel, Cause::deadline}) {
      Ends ends(fixture, phase, cause, phase == Phase::encode || phase == Phase::send ? files : windows, blockers);
      if (phase == Phase::run) batch_ms = std::max(batch_ms, ends.batch_ms());
      for (int i = 0; i < count; ++i) {
        const Ended ended = ends.one();
        complete += ended.stage.empty();
        if (ended.stage.empty()) continue;
        Times& of_stage = times[{ended.stage, cause == Cause::cancel ? "cancel" : "deadline"}];
        of_stage.call.push_back(ended.call_ms);
        if (ended.free_ms) of_stage.free.push_back(*ended.free_ms);
      }
    }
  }
  std::printf("%d calls in each phase, %d answered in full before; one window batch: %.1f ms\n", count, complete,
              batch_ms);
  std::printf(
      "| in stage, by | until | calls | p50 ms | p99 ms | max ms | to 1, 2, 5, 10, 20, 50, 100, 200, 500 ms, more |\n");
  for (const auto& [key, ms] : times) {
    const auto& [stage, cause] = key;
    CAPTURE(stage, cause);
    const double ended = show(stage + ", " + cause + " | call ended", ms.call);
    const bool has_worker = stage != "receive" && stage != "queue" && stage != "send" && !ms.free.empty();
    const double freed = has_worker ? show(stage + ", " + cause + " | worker free", ms.free) : 0;
    if (count < kEnoughForPercentiles) continue;
    if (stage == "queue") CHECK(ended <= kQueuedMs);
    CHECK(freed <= batch_ms + kSlackMs);
  }
  std::fflush(stdout);
}

}  // namespace call_ends_test
