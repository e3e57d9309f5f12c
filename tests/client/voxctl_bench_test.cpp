// voxctl bench against a server that does what the script says.

#include "tests/client/voxctl_bench.h"

#include <atomic>
#include <nlohmann/json.hpp>

namespace voxd::test {
namespace {

Ended bench(const Bench& bench, std::vector<std::string> more, const std::string& via = "segment") {
  std::vector<std::string> arguments{"bench", bench.file, "--model",   "brain",
                                     "--via", via,        "--address", bench.server.address()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return voxctl(arguments);
}

TEST_CASE("bench counts its requests and sums up how long they took", "[voxctl]") {
  const Bench here;
  const Ended ended = bench(here, {"--count", "7", "--concurrency", "2", "--warm-up", "1", "--json"});
  CAPTURE(ended.err);
  REQUIRE(ended.code == 0);
  const auto result = nlohmann::json::parse(ended.out);
  CHECK(result["answered"] == 7);
  CHECK(result["failed"] == 0);
  CHECK(result["bytes_sent"] == 7 * here.image.size());
  const auto& latency = result["latency_ms"];
  CHECK(latency["min"] <= latency["p50"]);
  CHECK(latency["p50"] <= latency["p95"]);
  CHECK(latency["p99"] <= latency["max"]);
  CHECK(result["requests_per_second"] > 0);
  const Ended text = bench(here, {"--count", "3"});
  CHECK(text.out.starts_with("3 answered, 0 failed in "));
  CHECK(text.out.find("p95") != std::string::npos);
}

TEST_CASE("bench keeps to a rate and to a duration", "[voxctl]") {
  const Bench here;
  const auto result =
      nlohmann::json::parse(bench(here, {"--rate", "20", "--duration", "0.5", "--concurrency", "4", "--json"}).out);
  CHECK(result["answered"] == 10);
  CHECK(result["seconds"] >= 0.45);
}

TEST_CASE("bench counts what fails by its code, and fails where nothing is answered", "[voxctl]") {
  std::atomic<int> calls{0};
  const Bench here([&calls](FakeCall& call) {
    if (calls++ % 2 == 0) return echo(call);
    return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "queue is full");
  });
  const auto result = nlohmann::json::parse(bench(here, {"--count", "6", "--warm-up", "0", "--json"}).out);
  CHECK(result["answered"] == 3);
  CHECK(result["errors"]["RESOURCE_EXHAUSTED"] == 3);
  const Bench broken([](FakeCall&) { return grpc::Status(grpc::StatusCode::INTERNAL, "out of order"); });
  require_one_line(bench(broken, {"--count", "2", "--warm-up", "0"}), 9, "2 x INTERNAL: out of order");
}

TEST_CASE("bench refuses what makes no sense", "[voxctl]") {
  const Bench here;
  require_one_line(bench(here, {"--chart", "x.png"}), 1, "--chart: needs --compare");
  require_one_line(bench(here, {}, "pigeon"), 1, "known: http, grpc, segment, shm");
  require_one_line(bench(here, {here.file, "--compare"}), 1, "--compare: takes one INPUT");
  require_one_line(bench(here, {}, "grpc"), 2, "head.nii");
  require_one_line(bench(here, {here.path("nothing.nii")}), 4, "no such file");
}

}  // namespace
}  // namespace voxd::test
