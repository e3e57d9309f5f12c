#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "models/repository.h"
#include "server/job.h"
#include "server/job_listener.h"
#include "server/job_records.h"

namespace voxd {

/// What all jobs have in common: images in host memory -> stream lease -> Pipeline::run -> results in host memory,
/// timed per stage, counted, with cancel and deadline checked around each. Waits for its share of the memory budgets
/// between decoding and the pipeline; where memory runs out all the same, the pool's cache is emptied and the pipeline
/// run once more, one window at a time. What differs by RPC is where the images come from and what becomes of the
/// results. Thread rule: Job's. run() uses the hooks on the worker's thread, refuse() on the caller's.
class PipelineJob : public Job {
 public:
  void run(WorkerResources& resources) noexcept final;
  void refuse(const Error& why) noexcept final;
  void queued_at(const QueuePlace& place) noexcept final;

 protected:
  /// `records` must outlive the job. `extras`: what encode() will need of the pipeline beside what its chain saves.
  /// The time in the queue counts from here.
  PipelineJob(std::shared_ptr<const Model> model, JobRecords& records, const Extras& extras = {});

  const Model& model() const { return *model_; }
  bool is_audited() const { return records_.audit.on(); }
  /// What the audit file will say beside the outcome; the hashes are the subclass's to add.
  AuditRecord audit_record;
  const StageTimes& stage_ms() const { return stage_ms_; }
  /// Since the job was made.
  double elapsed_ms() const { return ms_since(created_); }
  static double ms_since(Clock::time_point start);
  /// Throws Error{cancelled} or Error{deadline_exceeded}.
  void check() const;

  /// The images of the job, in the pipeline's order. Throws Error.
  virtual std::vector<HostVolume> decode(const WorkerResources& resources) = 0;
  /// Makes what the caller wants of the results. Throws Error.
  virtual void encode(const std::vector<HostVolume>& images, PipelineResult result) = 0;
  /// Hands over what encode() made; stage_ms() is complete.
  virtual void deliver() noexcept = 0;
  virtual void deliver_error(const Error& error) noexcept = 0;
  virtual void report(const JobProgress& progress) noexcept = 0;

 private:
  void run_stages(WorkerResources& resources);
  PipelineResult run_in_budget(const std::vector<HostVolume>& images, WorkerResources& resources);
  PipelineResult run_pipeline(const std::vector<HostVolume>& images, WorkerResources& resources);
  PipelineResult run_once(const std::vector<HostVolume>& images, WorkerResources& resources, std::int32_t most_windows);
  std::int64_t peak_bytes(const std::vector<HostVolume>& images, const WorkerResources& resources) const;
  void enter(const JobProgress& progress);
  void write_audit(const Error* error);
  void answer_error(const Error& error) noexcept;
  JobRecord record() const;
  double& time_of(Stage stage) { return stage_ms_[static_cast<std::size_t>(stage)]; }

  const std::shared_ptr<const Model> model_;
  JobRecords& records_;
  const Extras extras_;
  const Clock::time_point created_ = Clock::now();
  std::optional<double> expected_wait_ms_;  // as the queue first said
  Stage stage_ = Stage::queue;              // where it is
  StageTimes stage_ms_{};
};

}  // namespace voxd
