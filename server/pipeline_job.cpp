#include "server/pipeline_job.h"

#include <algorithm>
#include <utility>

#include "gpu_transforms/volume/status_name.h"
#include "models/torch_memory.h"
#include "server/errors.h"

namespace voxd {

PipelineJob::PipelineJob(std::shared_ptr<const Model> model, JobRecords& records, const Extras& extras)
    : model_(std::move(model)), records_(records), extras_(extras) {}

double PipelineJob::ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

void PipelineJob::run(WorkerResources& resources) noexcept {
  time_of(Stage::queue) = elapsed_ms();
  try {
    run_stages(resources);
    write_audit(nullptr);
  } catch (...) {
    answer_error(current_error());
    return;
  }
  records_.succeeded(record());
  deliver();
}

void PipelineJob::run_stages(WorkerResources& resources) {
  check();
  enter({Stage::decode, 0});
  Clock::time_point start = Clock::now();
  const std::vector<HostVolume> images = decode(resources);
  time_of(Stage::decode) = ms_since(start);
  check();

  PipelineResult result = run_in_budget(images, resources);
  for (const Stage stage : {Stage::pre, Stage::network, Stage::post})
    time_of(stage) = result.stage_ms[static_cast<std::size_t>(stage)];
  check();

  enter({Stage::encode, 0});
  start = Clock::now();
  encode(images, std::move(result));
  time_of(Stage::encode) = ms_since(start);
  check();
}

// On the CPU the images lie in the same memory as the work, and both are one share: two could wait for each other.
PipelineResult PipelineJob::run_in_budget(const std::vector<HostVolume>& images, WorkerResources& resources) {
  std::int64_t host = 0;
  for (const HostVolume& image : images) host += static_cast<std::int64_t>(image.voxels.size());
  std::int64_t device = peak_bytes(images, resources);
  if (resources.host_budget == resources.device_budget) device += std::exchange(host, 0);
  MemoryBudget::Share host_share, device_share;
  if (resources.host_budget && host > 0) host_share = resources.host_budget->take(host, deadline, cancel);
  if (resources.device_budget) device_share = resources.device_budget->take(device, deadline, cancel);
  return run_pipeline(images, resources);
}

PipelineResult PipelineJob::run_pipeline(const std::vector<HostVolume>& images, WorkerResources& resources) {
  try {
    return run_once(images, resources, 0);
  } catch (...) {
    const Error error = current_error();
    if (error.code() != Code::resource_exhausted) throw error;
  }
  check();
  resources.device_memory.trim();
  trim_torch_memory();
  return run_once(images, resources, 1);
}

PipelineResult PipelineJob::run_once(const std::vector<HostVolume>& images, WorkerResources& resources,
                                     std::int32_t most_windows) {
  const StreamPool::Lease stream = resources.streams.lease();
  Workspace workspace(*stream, resources.device_memory, resources.budget_bytes);
  JobContext context{workspace, deadline, cancel,
                     [this](Stage stage, double fraction) {
                       enter({stage, fraction});
                     },
                     most_windows};
  return model_->pipeline->run(images, context, resources.staging, extras_);
}

std::int64_t PipelineJob::peak_bytes(const std::vector<HostVolume>& images, const WorkerResources& resources) const {
  if (images.empty() || (resources.budget_bytes == 0 && !resources.device_budget)) return 0;
  std::int32_t channels = 0;
  for (const HostVolume& image : images) channels += image.channels;
  const std::int64_t peak = model_->pipeline->peak_bytes(images[0].dtype, channels, images[0].geometry, extras_);
  if (resources.budget_bytes > 0 && peak > resources.budget_bytes)
    fail(Code::resource_exhausted, "image of ", to_string(images[0].geometry.size), " voxels: needs up to ", peak,
         " bytes of working memory, at most ", resources.budget_bytes, " (--budget-bytes)");
  return peak;
}

void PipelineJob::check() const {
  if (deadline && Clock::now() >= *deadline)
    fail(Code::deadline_exceeded, "deadline: passed while the job was worked on, in stage ", name_of(stage_));
  if (cancel.cancelled()) fail(Code::cancelled, "cancelled by the caller");
}

void PipelineJob::refuse(const Error& why) noexcept { answer_error(why); }

void PipelineJob::queued_at(const QueuePlace& place) noexcept {
  if (!expected_wait_ms_) expected_wait_ms_ = place.wait_seconds * 1000;
  report({Stage::queue, 0, place.position, place.wait_seconds});
}

void PipelineJob::enter(const JobProgress& progress) {
  stage_ = progress.stage;
  report(progress);
}

JobRecord PipelineJob::record() const {
  const double elapsed = elapsed_ms();
  const double queued = stage_ms_[static_cast<std::size_t>(Stage::queue)];
  return {model_->name,
          model_->version,
          stage_ms_,
          elapsed,
          (elapsed - queued) / 1000,
          bytes,
          expected_wait_ms_.value_or(0)};
}

void PipelineJob::write_audit(const Error* error) {
  if (!is_audited()) return;
  audit_record.client = client;
  audit_record.model = model_->name;
  audit_record.version = model_->version;
  audit_record.network_sha256 = model_->pipeline->description().network_sha256;
  if (error) audit_record.outcome = status_name_of(error->code());
  records_.audit.write(audit_record);
}

void PipelineJob::answer_error(const Error& error) noexcept {
  try {
    write_audit(&error);
  } catch (...) {
    // Nothing leaves but the error itself.
  }
  records_.failed(record());
  deliver_error(error);
}

}  // namespace voxd
