#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iostream>
#include <set>

#include "gpu_transforms/simt.h"
#include "tests/golden_runner/compare.h"
#include "tests/golden_runner/golden_case.h"

// Runs the cases of an index.json, arrays made with MONAI, through the server's own code.
namespace voxd::golden {
namespace {

enum class Verdict { passed, failed, deviates, not_implemented };

struct Outcome {
  Verdict verdict;
  std::string why;
};

struct Options {
  std::filesystem::path golden, write;
  std::string backend;
  std::vector<std::string> only, require;
};

/// A stream of the backend, and the pool that belongs to it.
struct Device {
  std::unique_ptr<Stream> stream;
  std::unique_ptr<MemoryPool> pool;
};

Device make_device(const std::string& backend) {
  Device device;
  if (backend == "cuda") {
    device.stream = make_cuda_stream(0);
    device.pool = std::make_unique<MemoryPool>(cuda_async_allocator(), MemoryPool::Options{});
  } else if (backend == "simt") {
    device.stream = make_simt_stream({});
    device.pool = std::make_unique<MemoryPool>(cpu_allocator(), MemoryPool::Options{});
  } else {
    const Backend cpu = backend.empty() ? default_cpu_backend() : backend == "cpp" ? Backend::serial : Backend::tbb;
    device.stream = make_cpu_stream(cpu);
    device.pool = std::make_unique<MemoryPool>(cpu_allocator(), MemoryPool::Options{});
  }
  return device;
}

void write_results(const Case& golden, const Results& results, const std::filesystem::path& folder) {
  for (const auto& [name, result] : results)
    if (golden.entry.contains(name))
      test::write_npy(folder / golden.entry.at(name).at("file").get<std::string>(), result.array);
}

Outcome judge(const Case& golden, const Results& results, const Options& options) {
  if (golden.entry.contains("raises"))
    return {Verdict::failed, "returned a result where MONAI throws " + golden.entry.at("raises").get<std::string>()};
  if (is_deviation(golden)) {
    const std::string why = difference_from_intent(golden, results, options.golden);
    return {why.empty() ? Verdict::deviates : Verdict::failed, why};
  }
  const std::string why = difference(golden, results, options.golden);
  return {why.empty() ? Verdict::passed : Verdict::failed, why};
}

Outcome run(const Case& golden, Workspace& workspace, const Options& options) {
  try {
    const Results results = run_case(golden, options.golden, workspace);
    if (!options.write.empty()) write_results(golden, results, options.write);
    return judge(golden, results, options);
  } catch (const Error& error) {
    if (error.code() == Code::unimplemented) return {Verdict::not_implemented, error.what()};
    // A refusal of what MONAI refuses; an internal fault is none.
    if (golden.entry.contains("raises") && error.code() != Code::internal) return {Verdict::passed, error.what()};
    return {Verdict::failed, error.what()};
  }
}

using Counts = std::map<Verdict, int>;

void print_row(const std::string& name, const Counts& counts) {
  const auto count = [&counts](Verdict verdict) { return counts.contains(verdict) ? counts.at(verdict) : 0; };
  std::printf("%-32s %7d %7d %9d %16d\n", name.c_str(), count(Verdict::passed), count(Verdict::failed),
              count(Verdict::deviates), count(Verdict::not_implemented));
}

/// Transforms in the index's order, with their counts.
class Table {
 public:
  void add(const std::string& transform, Verdict verdict) {
    if (std::find(order_.begin(), order_.end(), transform) == order_.end()) order_.push_back(transform);
    ++rows_[transform][verdict];
    ++total_[verdict];
  }
  void print() const {
    std::printf("%-32s %7s %7s %9s %16s\n", "transform", "passed", "failed", "deviates", "not implemented");
    for (const std::string& transform : order_) print_row(transform, rows_.at(transform));
    print_row("total", total_);
  }
  int failed() const { return total_.contains(Verdict::failed) ? total_.at(Verdict::failed) : 0; }
  /// Whether any case of the transform ran.
  bool implements(const std::string& transform) const {
    const auto row = rows_.find(transform);
    return row != rows_.end() && std::any_of(row->second.begin(), row->second.end(),
                                             [](const auto& count) { return count.first != Verdict::not_implemented; });
  }

 private:
  std::vector<std::string> order_;
  std::map<std::string, Counts> rows_;
  Counts total_;
};

/// A misspelt name would let a run pass that tested nothing.
void require_known(const std::vector<std::string>& transforms, const std::vector<Case>& cases) {
  for (const std::string& name : transforms)
    if (std::none_of(cases.begin(), cases.end(), [&](const Case& golden) { return golden.transform == name; }))
      fail(Code::invalid_argument, "--only ", name, ": no case is of that transform");
}

int run_all(const Options& options) {
  const std::vector<Case> cases = read_index(options.golden);
  require_known(options.only, cases);
  Device device = make_device(options.backend);
  if (!options.write.empty()) std::filesystem::create_directories(options.write);
  Table table;
  std::set<std::string> refused;  // ids of cases that are not implemented
  for (const Case& golden : cases) {
    if (!options.only.empty() &&
        std::find(options.only.begin(), options.only.end(), golden.transform) == options.only.end())
      continue;
    Workspace workspace(*device.stream, *device.pool);
    const Outcome outcome = run(golden, workspace, options);
    table.add(golden.transform, outcome.verdict);
    if (outcome.verdict == Verdict::failed) std::printf("FAILED %s: %s\n", golden.id.c_str(), outcome.why.c_str());
    if (outcome.verdict == Verdict::not_implemented) {
      refused.insert(golden.id);
      std::printf("not implemented %s: %s\n", golden.id.c_str(), outcome.why.c_str());
    }
  }
  table.print();
  bool complete = true;
  for (const std::string& required : options.require) {
    if (required == "all") {
      complete = complete && refused.empty();
      continue;
    }
    const bool is_case =
        std::any_of(cases.begin(), cases.end(), [&](const Case& golden) { return golden.id == required; });
    if (is_case ? !refused.contains(required) : table.implements(required)) continue;
    std::printf("REQUIRED %s: not implemented\n", required.c_str());
    complete = false;
  }
  return table.failed() == 0 && complete ? 0 : 1;
}

}  // namespace
}  // namespace voxd::golden

int main(int argc, char** argv) {
  voxd::golden::Options options;
  CLI::App app{"Runs the golden cases of a folder through the server's own code; exits 0 only if none failed."};
  app.add_option("--golden", options.golden, "folder of index.json and its arrays")
      ->required()
      ->check(CLI::ExistingDirectory);
  app.add_option("--backend", options.backend,
                 "tbb, cpp (one thread), simt (lanes as threads) or cuda; default: this build's parallel CPU backend")
      ->check(CLI::IsMember({"tbb", "cpp", "simt", "cuda"}));
  app.add_option("--only", options.only, "run these transforms only")->delimiter(',');
  app.add_option("--write", options.write,
                 "folder to write every result array to, under the file name that the index gives it");
  app.add_option("--require", options.require, "transforms, or ids of cases, that must be implemented, or `all`")
      ->delimiter(',');
  CLI11_PARSE(app, argc, argv);
  try {
    return voxd::golden::run_all(options);
  } catch (const std::exception& error) {
    std::cerr << "golden_runner: " << error.what() << "\n";
    return 1;
  }
}
