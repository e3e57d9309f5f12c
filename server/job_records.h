#pragma once

#include <optional>
#include <string>

#include "gpu_transforms/volume/error.h"
#include "server/audit.h"
#include "server/metrics.h"
#include "server/statistics.h"
#include "server/work_estimates.h"

namespace voxd {

/// What is kept of one job that has answered.
struct JobRecord {
  const std::string& model;
  const std::string& version;
  StageTimes stage_ms;
  double elapsed_ms = 0;        ///< since the job was made
  double worker_seconds = 0;    ///< of a worker's time
  std::int64_t bytes = 0;       ///< as they came over the wire
  double expected_wait_ms = 0;  ///< in the queue, as estimated when it came
};

/// Where jobs are written down: the audit file before they answer, then KServe's statistics, the estimates of what
/// later ones will take, and metrics. Safe from any thread.
class JobRecords {
 public:
  /// `its_audit` must outlive it.
  JobRecords(const std::string& server_version, Audit& its_audit) : audit(its_audit), metrics(server_version) {}

  void succeeded(const JobRecord& job);
  void failed(const JobRecord& job);

  Audit& audit;
  Statistics statistics;
  WorkEstimates estimates;
  Metrics metrics;
};

/// How a call ended that did not succeed, as metrics say it: "cancelled", "expired" or "failed".
std::string_view cause_of(Code code);

}  // namespace voxd
