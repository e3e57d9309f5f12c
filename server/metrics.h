#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "server/job_listener.h"

namespace voxd {

/// What the server is doing at the moment of a scrape.
struct ServerState {
  struct Pool {
    std::string_view name;  ///< "host", "device"
    std::int64_t in_use = 0, cached = 0;
  };
  struct Budget {
    std::string_view name;
    std::int64_t used = 0, total = 0;  ///< promised to jobs that run; 0 in all: no limit
  };
  struct ModelState {
    std::string name, version;
    bool ready = false;
  };
  int calls = 0;  ///< admitted
  std::int64_t call_bytes = 0;
  std::size_t queued_jobs = 0;
  std::int64_t queued_bytes = 0;
  double work_seconds = 0;
  int running_jobs = 0;
  int idle_streams = 0;
  std::vector<Pool> pools;
  std::vector<Budget> budgets;
  std::vector<ModelState> models;
};

/// What voxd counts, for Prometheus: names begin with voxd_, units are seconds and bytes. A label's value is a name of
/// ours (a stage, an RPC, a code, a reason) or of a model in the repository; none is ever a caller's. Safe from any
/// thread.
class Metrics {
 public:
  explicit Metrics(const std::string& version);
  ~Metrics();
  Metrics(const Metrics&) = delete;

  /// A call has ended, with gRPC's name of its status.
  void call_ended(std::string_view rpc, std::string_view outcome, std::int64_t bytes_in, std::int64_t bytes_out);
  void call_refused(std::string_view reason);
  /// A job has answered: each stage's milliseconds, and how wrong the estimate of its wait was.
  void job_done(const std::string& model, const StageTimes& stage_ms, double wait_error_seconds);
  /// A call has ended early, in that stage ("receive", "queue", ..., "send"): because it was cancelled, or its deadline
  /// passed, or something failed.
  void ended_early(std::string_view cause, std::string_view stage);
  void model_changed(std::string_view kind, bool done);

  /// All of it in the text format that Prometheus reads.
  std::string text(const ServerState& now);

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace voxd
