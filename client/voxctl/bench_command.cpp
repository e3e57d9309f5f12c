// voxctl bench: a load of requests, or one volume over every way there is.

#include <algorithm>
#include <iostream>
#include <memory>

#include "client/voxctl/bench_report.h"
#include "client/voxctl/commands.h"
#include "client/voxctl/exit_code.h"
#include "client/voxctl/interrupt.h"
#include "client/voxctl/output_file.h"

namespace voxd::ctl {
namespace {

struct BenchArguments {
  std::vector<std::string> inputs;
  std::string model, model_version, via = "grpc", http_address = "127.0.0.1:8000", chart;
  BenchPlan plan{.warm_up = 1};
  double duration_s = 0, timeout_s = 0;
  bool compare = false, float32 = false, json = false;
};

constexpr std::int64_t kComparedRequests = 5;

BenchTarget target_of(const BenchArguments& arguments, const Shared& shared) {
  BenchTarget target{&shared, arguments.http_address, arguments.model, arguments.model_version, std::nullopt};
  if (arguments.timeout_s > 0)
    target.timeout = std::chrono::milliseconds(static_cast<std::int64_t>(arguments.timeout_s * 1000));
  return target;
}

BenchPlan plan_of(const BenchArguments& arguments) {
  BenchPlan plan = arguments.plan;
  plan.duration = std::chrono::duration<double>(arguments.duration_s);
  if (plan.count == 0 && arguments.duration_s == 0) plan.count = arguments.compare ? kComparedRequests : 10;
  return plan;
}

std::vector<BenchImage> images_of(const BenchArguments& arguments) {
  const bool needs_volumes = arguments.compare || arguments.via != "segment";
  std::vector<BenchImage> images;
  for (const std::string& path : arguments.inputs)
    images.push_back(read_bench_image(path, needs_volumes, arguments.float32));
  return images;
}

/// What ends with no answer at all ends the command: with the error that came most often.
void require_answers(const BenchResult& result, const std::stop_token& stop) {
  if (stop.stop_requested() && result.latency_ms.empty()) fail(Code::cancelled, "cancelled");
  if (!result.latency_ms.empty() || result.errors.empty()) return;
  const auto most = std::max_element(result.errors.begin(), result.errors.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  fail(Code::internal, "no request was answered: ", most->second, " x ", most->first, ": ",
       result.examples.at(most->first));
}

void run_load(const BenchArguments& arguments, const Shared& shared) {
  const Way way = way_named(arguments.via);
  const std::vector<BenchImage> images = images_of(arguments);
  const Interrupt interrupt;
  const BenchResult result =
      run_bench(way, target_of(arguments, shared), images, plan_of(arguments), interrupt.token());
  require_answers(result, interrupt.token());
  std::cout << (arguments.json ? json_of(result) + '\n' : text_of(result));
}

/// Tensors that came different ways must be the same bits.
void require_same_labels(const Comparison& comparison) {
  const BenchResult* first = nullptr;
  for (const auto& [way, result] : comparison) {
    if (result.labels.empty()) continue;
    if (first && result.labels != first->labels)
      fail(Code::internal, "the results differ by the way that the volume took: ", name_of(way));
    first = &result;
  }
}

void compare(const BenchArguments& arguments, const Shared& shared) {
  if (arguments.inputs.size() != 1) throw UsageError("--compare: takes one INPUT");
  std::unique_ptr<OutputFile> chart;
  if (!arguments.chart.empty()) chart = std::make_unique<OutputFile>("chart", arguments.chart);
  const std::vector<BenchImage> images = images_of(arguments);
  const Interrupt interrupt;
  Comparison comparison;
  for (const Way way : all_ways) {
    comparison.emplace_back(
        way, run_bench(way, target_of(arguments, shared), images, plan_of(arguments), interrupt.token()));
    require_answers(comparison.back().second, interrupt.token());
  }
  require_same_labels(comparison);
  if (chart) {
    const std::vector<std::byte> png = chart_of(comparison);
    chart->write({reinterpret_cast<const char*>(png.data()), png.size()});
    chart->publish();
  }
  std::cout << (arguments.json ? json_of(comparison) + '\n' : table_of(comparison));
}

}  // namespace

void add_bench_command(CLI::App& app, const Shared& shared) {
  auto arguments = std::make_shared<BenchArguments>();
  CLI::App* command =
      app.add_subcommand("bench", "Measures a server: a load of requests, or the ways that data can take");
  command->add_option("INPUT", arguments->inputs, "NIfTI files; requests take them in turns")->required();
  command->add_option("--model", arguments->model, "Name of the model")->required();
  command->add_option("--model-version", arguments->model_version, "Version of the model; the newest if not given");
  command
      ->add_option("--via", arguments->via,
                   "How volumes go: grpc (ModelInfer), segment (the file as it is), http, or shm (shared memory)")
      ->capture_default_str();
  command->add_option("--http-address", arguments->http_address, "The server's --http-address, as HOST:PORT")
      ->envname("VOXCTL_HTTP_ADDRESS")
      ->capture_default_str();
  command->add_option("--concurrency", arguments->plan.concurrency, "Requests at once")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command
      ->add_option("--rate", arguments->plan.rate,
                   "Requests a second, whether or not earlier ones are answered; 0: each when the one before is")
      ->check(CLI::Range(0.0, 1e6));
  command->add_option("--count", arguments->plan.count, "Requests to make; 10 if no --duration is given either")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000'000}));
  command->add_option("--duration", arguments->duration_s, "Seconds in which requests begin")
      ->check(CLI::Range(0.0, 86400.0));
  command->add_option("--warm-up", arguments->plan.warm_up, "Requests of each connection before, not counted")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  command->add_option("--timeout", arguments->timeout_s, "Seconds after which a request is given up; 0 for no limit")
      ->check(CLI::Range(0.0, 86400.0));
  command->add_flag("--float32", arguments->float32, "Send voxels as float32, whatever type the file has");
  command->add_flag("--compare", arguments->compare,
                    "Send one volume over HTTP, gRPC and shared memory, one after the other, and compare");
  command->add_option("--chart", arguments->chart, "With --compare: write bars here (.png)");
  command->add_flag("--json", arguments->json, "Print JSON");
  command->callback([&shared, arguments] {
    if (!arguments->chart.empty() && !arguments->compare) throw UsageError("--chart: needs --compare");
    arguments->compare ? compare(*arguments, shared) : run_load(*arguments, shared);
  });
}

}  // namespace voxd::ctl
