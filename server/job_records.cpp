#include "server/job_records.h"

#include <cmath>

namespace voxd {

void JobRecords::succeeded(const JobRecord& job) {
  statistics.record_success(job.model, job.version, job.stage_ms);
  estimates.record(job.model, job.bytes, job.worker_seconds);
  const double waited_ms = job.stage_ms[static_cast<std::size_t>(Stage::queue)];
  metrics.job_done(job.model, job.stage_ms, std::abs(waited_ms - job.expected_wait_ms) / 1000);
}

void JobRecords::failed(const JobRecord& job) { statistics.record_failure(job.model, job.version, job.elapsed_ms); }

std::string_view cause_of(Code code) {
  switch (code) {
    case Code::cancelled: return "cancelled";
    case Code::deadline_exceeded: return "expired";
    default: return "failed";
  }
}

}  // namespace voxd
