#include <benchmark/benchmark.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <thread>

#include "tests/bench/copy_floor.h"
#include "tests/bench/peer.h"
#include "tests/bench/report.h"

// Measures the transforms at the sizes of real images and at small ones. A machine's milliseconds mean little: beside
// them stand the share of the speed of memory, measured right before, and MONAI's time for the same step on the same
// data, if a Python that has MONAI is named.
namespace voxd::bench {
namespace {

struct Options {
  std::string backend, python;
  std::filesystem::path write;
  std::vector<std::string> only;
  int threads = 0;
  double seconds = 0.5;
  bool no_small = false;
};

double ms_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

/// The serial backend has one thread, and so have the floor and MONAI beside it.
int threads_of(const Options& options) {
  if (options.backend == "cpp") return 1;
  return options.threads > 0 ? options.threads : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

/// The stream that everything runs on, and the data of the case that is being measured.
class Rig {
 public:
  explicit Rig(const Options& options)
      : threads(threads_of(options)),
        stream_(options.backend == "cuda"  ? make_cuda_stream(0)
                : options.backend == "cpp" ? make_cpu_stream(Backend::serial)
                                           : make_cpu_stream(default_cpu_backend(), threads)),
        pool_(options.backend == "cuda" ? cuda_async_allocator() : cpu_allocator(), {}),
        workspace_(*stream_, pool_),
        floor(threads, workspace_) {}

  void load(const Case& wanted) {
    if (loaded_ == &wanted) return;
    inputs_.clear();
    hosts.clear();
    pool_.trim();
    for (const auto& make : wanted.inputs) hosts.push_back(make());
    for (const HostVolume& host : hosts) inputs_.push_back(upload(host, workspace_));
    stream_->synchronize();
    loaded_ = &wanted;
    floor_speed = 0;
    measure_floor();
  }

  /// Before and after a case, as something else may have taken the machine's time meanwhile.
  void measure_floor() { floor_speed = std::max(floor_speed, floor.measure()); }

  /// One run, in ms. Tells the bytes that went in and out.
  double run(const Case& wanted, double& bytes) {
    const auto start = std::chrono::steady_clock::now();
    const DeviceVolume result = wanted.run(inputs_, workspace_);
    stream_->synchronize();
    const double ms = ms_since(start);
    bytes = static_cast<double>(result.bytes());
    for (const DeviceVolume& input : inputs_) bytes += static_cast<double>(input.bytes());
    if (wanted.bytes > 0) bytes = wanted.bytes;
    return ms;
  }

  const int threads;
  std::string backend() const { return std::string(name_of(stream_->backend())); }
  std::string machine() const { return stream_->is_cuda() ? cuda_device_name(0) : processor_name(); }

 private:
  std::unique_ptr<Stream> stream_;
  MemoryPool pool_;
  Workspace workspace_;
  Inputs inputs_;
  const Case* loaded_ = nullptr;

 public:
  CopyFloor floor;
  double floor_speed = 0;         ///< the best that was measured for the case that is loaded
  std::vector<HostVolume> hosts;  ///< its data
};

void measure(benchmark::State& state, Rig& rig, const Case& wanted) {
  rig.load(wanted);
  double bytes = 0, best = INFINITY;
  rig.run(wanted, bytes);
  for (auto _ : state) {
    const double ms = rig.run(wanted, bytes);
    state.SetIterationTime(ms / 1000);
    best = std::min(best, ms);
  }
  state.counters["best_ms"] = best;
  state.counters["bytes"] = bytes;
}

/// MONAI as it is installed, and under a better allocator.
struct Peers {
  std::unique_ptr<Peer> plain, jemalloc;
};

Peers start_peers(const std::string& python, int threads) {
  Peers peers;
  if (python.empty()) return peers;
  peers.plain = std::make_unique<Peer>(python, threads, std::map<std::string, std::string>{});
  peers.jemalloc = std::make_unique<Peer>(python, threads, jemalloc_environment());
  if (!peers.jemalloc->about().at("jemalloc")) {
    std::printf("no libjemalloc.so.2 on this machine: MONAI runs as installed only\n");
    peers.jemalloc.reset();
  }
  return peers;
}

/// Google Benchmark's results as rows of our table, each with the peers' answers.
class TableReporter : public benchmark::BenchmarkReporter {
 public:
  TableReporter(const Cases& cases, Rig& rig, Peers& peers, const Options& options)
      : cases_(cases), rig_(rig), peers_(peers), options_(options) {}

  bool ReportContext(const Context&) override {
    print_head();
    return true;
  }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs)
      for (const Case& measured : cases_)
        if (run.run_name.function_name == measured.name) add(measured, run);
  }

  std::vector<Row> rows;

 private:
  void add(const Case& measured, const Run& run) {
    rig_.measure_floor();
    if (run.error_occurred) fail(Code::internal, measured.name, ": ", run.error_message);
    Row row;
    row.name = measured.name;
    row.ms = run.counters.at("best_ms");
    row.target = measured.target;
    if (measured.bound_by_memory) {
      const double speed = run.counters.at("bytes") / row.ms;
      row.gb_per_s = speed / 1e6;
      row.of_floor = speed / rig_.floor_speed;
    }
    row.peer_ms = ask(peers_.plain, measured);
    row.jemalloc_ms = ask(peers_.jemalloc, measured);
    print_row(row);
    if (!options_.write.empty()) append_row(options_.write, row);
    rows.push_back(row);
  }

  std::optional<double> ask(const std::unique_ptr<Peer>& peer, const Case& measured) const {
    if (!peer || measured.peer.empty()) return std::nullopt;
    return peer->best_ms(measured, rig_.hosts, options_.seconds);
  }

  const Cases& cases_;
  Rig& rig_;
  Peers& peers_;
  const Options& options_;
};

Cases cases_at(const Sizes& sizes) {
  Cases cases;
  add_value_cases(sizes, cases);
  add_spatial_cases(sizes, cases);
  add_grid_cases(sizes, cases);
  add_label_cases(sizes, cases);
  add_window_cases(sizes, cases);
  add_chain_cases(sizes, cases);
  add_bundle_cases(sizes, cases);
  return cases;
}

Cases wanted_cases(const Options& options) {
  Cases all = cases_at(real_sizes());
  if (!options.no_small)
    for (const int side : {64, 32})
      for (Case& small : cases_at(cubes_of(side))) {
        small.target = 0;  // targets are for images of real size
        all.push_back(std::move(small));
      }
  if (options.only.empty()) return all;
  std::erase_if(all, [&](const Case& one) {
    return std::none_of(options.only.begin(), options.only.end(),
                        [&](const std::string& part) { return one.name.find(part) != std::string::npos; });
  });
  return all;
}

int run_all(const Options& options) {
  if (options.backend == "cuda" && !options.python.empty())
    fail(Code::invalid_argument, "--peer: MONAI is measured on the CPU, which says nothing beside --backend cuda");
  const Cases cases = wanted_cases(options);
  if (cases.empty()) fail(Code::invalid_argument, "--only: no step has that in its name");
  Rig rig(options);
  Peers peers = start_peers(options.python, rig.threads);
  for (const Case& one : cases)
    benchmark::RegisterBenchmark(one.name.c_str(), [&rig, &one](benchmark::State& state) { measure(state, rig, one); })
        ->UseManualTime()
        ->MinTime(options.seconds)
        ->Unit(benchmark::kMillisecond);
  TableReporter table(cases, rig, peers, options);
  const double floor = rig.floor.measure() / 1e6;
  std::printf("%s, backend %s, %d threads, copy floor %.1f GB/s\n", rig.machine().c_str(), rig.backend().c_str(),
              rig.threads, floor);
  if (!options.write.empty())
    append_head(options.write,
                {rig.machine(), rig.backend(), rig.threads, floor, peers.plain ? peers.plain->about() : Json()});
  benchmark::RunSpecifiedBenchmarks(&table);
  if (peers.plain) print_shortfalls(table.rows);
  return 0;
}

}  // namespace
}  // namespace voxd::bench

int main(int argc, char** argv) {
  voxd::bench::Options options;
  CLI::App app{"Measures the transforms, against the speed of memory and against MONAI."};
  app.add_option("--peer", options.python, "a Python with MONAI 1.6.1 and torch 2.11 to measure beside")
      ->check(CLI::ExistingFile);
  app.add_option("--write", options.write, "file to append the table to, in Markdown");
  app.add_option("--only", options.only, "steps with one of these texts in their name only")->delimiter(',');
  app.add_option("--backend", options.backend,
                 "tbb, cpp (one thread) or cuda; default: this build's parallel CPU backend")
      ->check(CLI::IsMember({"tbb", "cpp", "cuda"}));
  app.add_option("--threads", options.threads, "of ours and of MONAI's; default: all that the machine has")
      ->check(CLI::PositiveNumber);
  app.add_option("--seconds", options.seconds, "how long to repeat a step, ours and MONAI's; default 0.5")
      ->check(CLI::PositiveNumber);
  app.add_flag("--no-small", options.no_small, "leave out the cubes of 64 and 32 voxels");
  CLI11_PARSE(app, argc, argv);
  try {
    return voxd::bench::run_all(options);
  } catch (const std::exception& error) {
    std::cerr << "transforms_bench: " << error.what() << "\n";
    return 1;
  }
}
