#include "server/serving.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <iomanip>
#include <random>
#include <sstream>

#include "server/errors.h"
#include "server/printable.h"

namespace voxd {
namespace {

constexpr std::size_t kMaxNameLength = 64;
constexpr std::int64_t kSoonestRetryMs = 250;
constexpr std::int64_t kLatestRetryMs = 60'000;

bool can_be_name(const std::string& name) {
  const auto allowed = [](unsigned char c) { return std::isalnum(c) || c == '.' || c == '_' || c == '-'; };
  return !name.empty() && name.size() <= kMaxNameLength && std::all_of(name.begin(), name.end(), allowed);
}

// Whoever would wait in vain is told so while there is time to go elsewhere.
void check_wait(const JobTraits& job, double wait_seconds) {
  if (!job.deadline) return;
  const double left = std::chrono::duration<double>(*job.deadline - Clock::now()).count();
  if (wait_seconds <= left) return;
  std::ostringstream text;
  text << std::fixed << std::setprecision(1) << "deadline: in " << left << " s, the wait in the queue is estimated at "
       << wait_seconds << " s; try again later";
  throw RefusedError(Refusal::wait, Code::deadline_exceeded, text.str());
}

}  // namespace

std::shared_ptr<const Model> Serving::find_model(const std::string& name, const std::string& version) const {
  if (name.empty()) fail(Code::invalid_argument, "model name: empty");
  if (!can_be_name(name)) fail(Code::not_found, "Request for unknown model: '", printable(name), "' is not found");
  if (version.size() > 20 ||
      !std::all_of(version.begin(), version.end(), [](unsigned char c) { return std::isdigit(c); }))
    fail(Code::not_found, "Request for unknown model: '", name, "' has no version '", printable(version), "'");
  return models.find(name, version);
}

Admission::Ticket Serving::admit(const JobTraits& job, std::int64_t bytes) const {
  check_deadline(job.deadline);
  try {
    if (!admission.closed()) check_wait(job, queue.expected_wait(job));
    return admission.admit(bytes, job.client);
  } catch (const RefusedError& refused) {
    records.metrics.call_refused(name_of(refused.reason));
    throw;
  }
}

JobTraits Serving::traits_of(const Model& model, const std::string& client, std::int64_t bytes) const {
  const PipelineDescription& description = model.pipeline->description();
  JobTraits traits;
  traits.bytes = bytes;
  traits.client = client;
  traits.model = model.name;
  traits.most_running = description.most_running;
  traits.most_waiting = description.most_waiting;
  traits.seconds = records.estimates.of(model.name, bytes);
  return traits;
}

std::int64_t Serving::retry_ms() const {
  return std::clamp<std::int64_t>(std::llround(queue.expected_wait({}) * 1000), kSoonestRetryMs, kLatestRetryMs);
}

void Serving::call_ended(const RequestRecord& record) const {
  log_request(record);
  records.metrics.call_ended(record.rpc, record.outcome, record.bytes_in, record.bytes_out);
  if (record.code) records.metrics.ended_early(cause_of(*record.code), record.stage);
}

void Serving::give_up(Job& job) const {
  job.cancel.cancel();
  queue.remove(job, gone_caller(job.deadline));
}

bool Serving::ready() const {
  if (admission.closed()) return false;
  const std::vector<ModelStatus> list = models.list();
  return std::any_of(list.begin(), list.end(), [](const ModelStatus& status) { return status.ready; });
}

void check_deadline(const std::optional<Clock::time_point>& deadline) {
  if (deadline && Clock::now() >= *deadline) fail(Code::deadline_exceeded, "deadline: passed before the work began");
}

std::string make_request_id() {
  static const std::uint64_t start = (std::uint64_t{std::random_device{}()} << 32) | std::random_device{}();
  static std::atomic<std::uint64_t> count{0};
  // An odd multiplier walks through all 64-bit numbers, so that ids of one process never repeat.
  const std::uint64_t id = start + 0x9E3779B97F4A7C15u * count.fetch_add(1, std::memory_order_relaxed);
  std::ostringstream text;
  text << std::hex << std::setw(16) << std::setfill('0') << id;
  return text.str();
}

}  // namespace voxd
