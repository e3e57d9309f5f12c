#pragma once

#include <memory>
#include <vector>

#include "models/repository.h"
#include "server/job.h"
#include "server/job_listener.h"
#include "server/statistics.h"

namespace voxd {

/// What all jobs have in common: images in host memory -> stream lease -> Pipeline::run -> results in host memory,
/// timed per stage, counted, with cancel and deadline checked around each. What differs by RPC is where the images come
/// from and what becomes of the results. Thread rule: Job's. run() uses the hooks on the worker's thread, refuse() on
/// the caller's.
class PipelineJob : public Job {
 public:
  void run(WorkerResources& resources) noexcept final;
  void refuse(const Error& why) noexcept final;
  void queued_at(int position) noexcept final;

 protected:
  /// `statistics` must outlive the job. `extras`: what encode() will need of the pipeline beside what its chain saves.
  /// The time in the queue counts from here.
  PipelineJob(std::shared_ptr<const Model> model, Statistics& statistics, const Extras& extras = {});

  const Model& model() const { return *model_; }
  const StageTimes& stage_ms() const { return stage_ms_; }
  /// Since the job was made.
  double elapsed_ms() const { return ms_since(created_); }
  static double ms_since(Clock::time_point start);
  /// Throws Error{cancelled} or Error{deadline_exceeded}.
  void check() const;

  /// The images of the job, in the pipeline's order. Throws Error.
  virtual std::vector<HostVolume> decode(const HostAllocator& allocate) = 0;
  /// Makes what the caller wants of the results. Throws Error.
  virtual void encode(const std::vector<HostVolume>& images, PipelineResult result) = 0;
  /// Hands over what encode() made; stage_ms() is complete.
  virtual void deliver() noexcept = 0;
  virtual void deliver_error(const Error& error) noexcept = 0;
  virtual void report(const JobProgress& progress) noexcept = 0;

 private:
  void run_stages(WorkerResources& resources);
  PipelineResult run_pipeline(const std::vector<HostVolume>& images, WorkerResources& resources);
  void check_memory(const std::vector<HostVolume>& images, const WorkerResources& resources) const;
  void answer_error(const Error& error) noexcept;
  double& time_of(Stage stage) { return stage_ms_[static_cast<std::size_t>(stage)]; }

  const std::shared_ptr<const Model> model_;
  Statistics& statistics_;
  const Extras extras_;
  const Clock::time_point created_ = Clock::now();
  StageTimes stage_ms_{};
};

}  // namespace voxd
