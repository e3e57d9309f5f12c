#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <thread>

#include "gpu_transforms/volume/error.h"
#include "models/openmp.h"
#include "tests/bench/child_process.h"
#include "tests/bench/network_child.h"
#include "tests/support/temporary_folder.h"

// Measures networks on the CPU, each in several ways: as a program runs it that only links libtorch, as voxd runs it,
// and in OpenVINO, if a Python that has it is named. All ways of a network take turns, so that what else the machine
// does meanwhile hits all of them. Prints a table in Markdown, and what was decided about a network on standard error.
namespace voxd::bench {
namespace {

struct Options {
  std::string python, child;
  NetworkRun run;  // a child's
  std::vector<std::int32_t> size;
  std::vector<std::string> only;
  double seconds = 20;
};

struct NetworkCase {
  std::string name;
  std::filesystem::path file;
  std::int32_t channels;
  Int3 size;
  double fp32_target, bf16_target;  // times the default's speed; 0: none
};

struct Measured {
  double best = 0, median = 0;
};

std::string own_path() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

/// The zoo's own network, one of the size of MONAI's usual one, and a trained one of another kind where it is
/// installed.
std::vector<NetworkCase> cases_in(const std::filesystem::path& folder) {
  const std::filesystem::path small = folder / "small.ts", big = folder / "big.ts";
  const std::string make = VOXD_MAKE_UNET;
  if (std::system((make + " " + small.string()).c_str()) != 0 ||
      std::system((make + " " + big.string() + " 4 3 16 32 64 128 256").c_str()) != 0)
    fail(Code::internal, "make_unet failed");
  std::vector<NetworkCase> cases{{"UNet (8, 16, 32, 32, 64) 1 x 224x224x224", small, 1, {224, 224, 224}, 2.5, 4.5},
                                 {"UNet (8, 16, 32, 32, 64) 1 x 96x96x96", small, 1, {96, 96, 96}, 0, 0},
                                 {"UNet (16, 32, 64, 128, 256) 4 x 96x96x96", big, 4, {96, 96, 96}, 1.8, 3}};
  const std::filesystem::path brain = VOXD_BRAIN_NETWORK;
  if (std::filesystem::exists(brain))
    cases.push_back({"brain_extraction 1 x 128x128x128", brain, 1, {128, 128, 128}, 0, 0});
  return cases;
}

/// One way of running a network, asked run by run.
class Way {
 public:
  Way(std::string name, const std::vector<std::string>& words) : name_(std::move(name)), process_(words, {}) {}

  /// Waits until it is loaded. Throws Error{failed_precondition} if it cannot be.
  void await_ready() {
    const std::string line = process_.read_line();
    if (line.rfind("ready", 0) != 0) fail(Code::failed_precondition, name_, ": it could not be loaded");
    if (line.size() > 6) std::fprintf(stderr, "%s: %s\n", name_.c_str(), line.substr(6).c_str());
  }
  void run() {
    process_.write_line("run");
    const std::string answer = process_.read_line();
    if (answer.empty()) fail(Code::failed_precondition, name_, ": it ended without an answer");
    ms_.push_back(std::stod(answer));
  }
  Measured result() const {
    std::vector<double> sorted = ms_;
    std::sort(sorted.begin(), sorted.end());
    return {sorted.front(), sorted[sorted.size() / 2]};
  }
  const std::string& name() const { return name_; }

 private:
  const std::string name_;
  ChildProcess process_;
  std::vector<double> ms_;
};

using Ways = std::vector<std::unique_ptr<Way>>;

Ways start_ways(const NetworkCase& wanted, const Options& options) {
  const auto& size = wanted.size;
  const std::vector<std::string> what{"--file",
                                      wanted.file.string(),
                                      "--threads",
                                      std::to_string(options.run.threads),
                                      "--channels",
                                      std::to_string(wanted.channels),
                                      "--size",
                                      std::to_string(size[0]),
                                      std::to_string(size[1]),
                                      std::to_string(size[2])};
  Ways ways;
  const auto start = [&](const std::string& name, std::vector<std::string> words) {
    words.insert(words.end(), what.begin(), what.end());
    ways.push_back(std::make_unique<Way>(name, words));
    ways.back()->await_ready();
  };
  start("libtorch's defaults", {own_path(), "--child", "default"});
  start("voxd, file's graph", {own_path(), "--child", "plain"});
  start("voxd, rewritten", {own_path(), "--child", "rewritten"});
  start("voxd, bf16", {own_path(), "--child", "bf16"});
  if (options.python.empty()) return ways;
  start("OpenVINO, fp32", {options.python, VOXD_OPENVINO_PEER, "--precision", "f32"});
  start("OpenVINO, bf16", {options.python, VOXD_OPENVINO_PEER, "--precision", "bf16"});
  return ways;
}

/// As long for the default way as for the others, however slow it is: each has as many runs.
void take_turns(const Ways& ways, double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + std::chrono::duration<double>(seconds * static_cast<double>(ways.size()));
  do
    for (const auto& way : ways) way->run();
  while (Clock::now() < end);
}

void print_row(const NetworkCase& measured, const Way& way, const Measured& base) {
  const Measured result = way.result();
  const double target = way.name() == "voxd, rewritten" ? measured.fp32_target
                        : way.name() == "voxd, bf16"    ? measured.bf16_target
                                                        : 0;
  std::printf("| %s | %s | %.1f | %.1f | %.2fx | ", measured.name.c_str(), way.name().c_str(), result.best,
              result.median, base.best / result.best);
  if (target > 0)
    std::printf("%.1fx |\n", target);
  else
    std::printf("- |\n");
}

void measure(const NetworkCase& wanted, const Options& options) {
  const Ways ways = start_ways(wanted, options);
  take_turns(ways, options.seconds);
  for (const auto& way : ways) print_row(wanted, *way, ways.front()->result());
  std::fflush(stdout);
}

int run_all(const Options& options) {
  const test::TemporaryFolder folder;
  std::printf(
      "%d threads\n\n| network | way | ms | median ms | faster than the defaults | target |\n"
      "| --- | --- | --: | --: | --: | --: |\n",
      options.run.threads);
  for (const NetworkCase& one : cases_in(folder.path()))
    if (options.only.empty() || std::any_of(options.only.begin(), options.only.end(), [&](const std::string& part) {
          return one.name.find(part) != std::string::npos;
        }))
      measure(one, options);
  return 0;
}

int run_child(Options& options, char** argv) {
  if (options.child != "default") prefer_passive_openmp(argv);
  if (options.size.size() != 3) fail(Code::invalid_argument, "--size: expected three numbers");
  std::copy(options.size.begin(), options.size.end(), options.run.size.begin());
  options.run.way = options.child;
  serve_runs(options.run);
  return 0;
}

}  // namespace
}  // namespace voxd::bench

int main(int argc, char** argv) {
  voxd::bench::Options options;
  options.run.threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  CLI::App app{"Measures networks on the CPU, against libtorch's defaults and against OpenVINO."};
  app.add_option("--peer", options.python, "a Python with openvino and torch to measure beside")
      ->check(CLI::ExistingFile);
  app.add_option("--only", options.only, "networks with one of these texts in their name only")->delimiter(',');
  app.add_option("--threads", options.run.threads, "default: all that the machine has")->check(CLI::PositiveNumber);
  app.add_option("--seconds", options.seconds, "how long to repeat each way of each network; default 20")
      ->check(CLI::PositiveNumber);
  // What the program starts itself with, once for each way.
  app.add_option("--child", options.child)->group("");
  app.add_option("--file", options.run.file)->group("");
  app.add_option("--channels", options.run.channels)->group("");
  app.add_option("--size", options.size)->group("");
  CLI11_PARSE(app, argc, argv);
  try {
    return options.child.empty() ? voxd::bench::run_all(options) : voxd::bench::run_child(options, argv);
  } catch (const std::exception& error) {
    std::cerr << "network_bench: " << error.what() << "\n";
    return 1;
  }
}
