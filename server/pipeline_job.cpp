#include "server/pipeline_job.h"

#include <utility>

#include "server/errors.h"

namespace voxd {

PipelineJob::PipelineJob(std::shared_ptr<const Model> model, Statistics& statistics, const Extras& extras)
    : model_(std::move(model)), statistics_(statistics), extras_(extras) {}

double PipelineJob::ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

void PipelineJob::run(WorkerResources& resources) noexcept {
  time_of(Stage::queue) = elapsed_ms();
  try {
    run_stages(resources);
  } catch (...) {
    answer_error(current_error());
    return;
  }
  statistics_.record_success(model_->name, model_->version, stage_ms_);
  deliver();
}

void PipelineJob::run_stages(WorkerResources& resources) {
  check();
  report({Stage::decode, 0, 0});
  Clock::time_point start = Clock::now();
  const std::vector<HostVolume> images = decode(resources.staging);
  time_of(Stage::decode) = ms_since(start);
  check();

  PipelineResult result = run_pipeline(images, resources);
  for (const Stage stage : {Stage::pre, Stage::network, Stage::post})
    time_of(stage) = result.stage_ms[static_cast<std::size_t>(stage)];
  check();

  report({Stage::encode, 0, 0});
  start = Clock::now();
  encode(images, std::move(result));
  time_of(Stage::encode) = ms_since(start);
  check();
}

PipelineResult PipelineJob::run_pipeline(const std::vector<HostVolume>& images, WorkerResources& resources) {
  check_memory(images, resources);
  const StreamPool::Lease stream = resources.streams.lease();
  Workspace workspace(*stream, resources.device_memory, resources.budget_bytes);
  JobContext context{workspace, deadline, cancel, [this](Stage stage, double fraction) {
                       report({stage, fraction, 0});
                     }};
  return model_->pipeline->run(images, context, resources.staging, extras_);
}

void PipelineJob::check_memory(const std::vector<HostVolume>& images, const WorkerResources& resources) const {
  if (resources.budget_bytes == 0 || images.empty()) return;
  std::int32_t channels = 0;
  for (const HostVolume& image : images) channels += image.channels;
  const std::int64_t peak = model_->pipeline->peak_bytes(images[0].dtype, channels, images[0].geometry, extras_);
  if (peak > resources.budget_bytes)
    fail(Code::resource_exhausted, "image of ", to_string(images[0].geometry.size), " voxels: needs up to ", peak,
         " bytes of working memory, at most ", resources.budget_bytes, " (--budget-bytes)");
}

void PipelineJob::check() const {
  if (cancel.cancelled()) fail(Code::cancelled, "cancelled by the caller");
  if (deadline && Clock::now() >= *deadline)
    fail(Code::deadline_exceeded, "deadline: passed while the job was worked on");
}

void PipelineJob::refuse(const Error& why) noexcept { answer_error(why); }

void PipelineJob::queued_at(int position) noexcept { report({Stage::queue, 0, position}); }

void PipelineJob::answer_error(const Error& error) noexcept {
  statistics_.record_failure(model_->name, model_->version, elapsed_ms());
  deliver_error(error);
}

}  // namespace voxd
