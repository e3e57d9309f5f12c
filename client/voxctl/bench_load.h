#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "client/voxctl/bench_ways.h"

namespace voxd::ctl {

/// How much is asked of the server.
struct BenchPlan {
  int concurrency = 1;     ///< requests at once, each over a connection of its own
  double rate = 0;         ///< requests a second, whether or not earlier ones are answered; 0: as they come back
  std::int64_t count = 0;  ///< requests that are counted; 0: no limit
  std::chrono::duration<double> duration{0};  ///< in which they begin; 0: no limit
  int warm_up = 0;                            ///< requests of each connection before
};

/// What came of them. Times are in milliseconds, in order of size.
struct BenchResult {
  std::vector<double> latency_ms;               ///< of answered requests, from when each was due
  std::map<std::string, std::int64_t> errors;   ///< by code
  std::map<std::string, std::string> examples;  ///< the first text of each code
  std::map<std::string, std::vector<double>> stage_ms;
  double seconds = 0;  ///< from the first request's start to the last one's end
  std::uint64_t bytes_sent = 0, bytes_received = 0;
  std::string labels;  ///< BenchAnswer's, of the last request of the first image

  std::int64_t failed() const;
  double per_second() const;
};

/// The value that `share` (0..1) of the sorted values do not exceed; 0 without values.
double percentile(const std::vector<double>& sorted, double share);

/// Sends the images in turns until the plan is fulfilled or `stop` is requested. With a rate, a request whose turn has
/// come while all connections are busy waits, and that wait counts. Throws what make_sender and a warm-up throw.
BenchResult run_bench(Way way, const BenchTarget& target, const std::vector<BenchImage>& images, const BenchPlan& plan,
                      std::stop_token stop);

}  // namespace voxd::ctl
