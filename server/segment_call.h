#pragma once

#include <grpcpp/support/server_callback.h>

#include <memory>
#include <mutex>
#include <optional>

#include "server/request_log.h"
#include "server/segment_events.h"
#include "server/segmentation_job.h"
#include "server/serving.h"
#include "server/upload.h"
#include "voxd/v1/segmentation.pb.h"

namespace voxd {

/// One Segment call, from its first message to its status: admits, collects the chunks, queues the job, passes on what
/// the job says. gRPC's reactions and the job's worker meet here; at most one read and one write are under way. What
/// only the reading side uses (upload_, open messages) needs no lock, the rest is guarded by mutex_. Keeps itself alive
/// until gRPC is done with it, and the job keeps it alive as its listener.
class SegmentCall final : public grpc::ServerBidiReactor<v1::SegmentRequest, v1::SegmentEvent>,
                          public JobListener<SegmentationResult>,
                          public std::enable_shared_from_this<SegmentCall> {
 public:
  /// The reactor of a new call, reading already.
  static SegmentCall* start(grpc::CallbackServerContext& context, Serving& serving);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void on_progress(const JobProgress& progress) noexcept override;
  void on_done(SegmentationResult result) noexcept override;
  void on_error(const Error& error) noexcept override;

 private:
  SegmentCall(grpc::CallbackServerContext& context, Serving& serving);

  void note_read(bool uploading);
  void take(const v1::SegmentRequest& request);
  void open(const v1::Open& open);
  void submit();
  void finish(const Error& error);
  void stalled();
  void expect_caller();  // with mutex_ held
  void send_next();      // with mutex_ held

  grpc::CallbackServerContext& context_;  // until OnDone
  Serving& serving_;                      // until OnDone
  const std::optional<Clock::time_point> deadline_;
  std::shared_ptr<SegmentCall> self_;

  v1::SegmentRequest request_;
  std::shared_ptr<const Model> model_;
  SegmentationOptions options_;
  JobTraits traits_;
  std::optional<Upload> upload_;
  Admission::Ticket ticket_;
  std::unique_ptr<StallGuard::Watch> watch_;

  std::mutex mutex_;
  RequestRecord record_;
  SegmentEvents events_;
  v1::SegmentEvent event_;  // on its way while writing_
  std::shared_ptr<SegmentationJob> job_;
  std::optional<Error> error_;
  bool uploading_ = true;
  bool writing_ = false;
  bool cancelled_ = false;
  bool finished_ = false;
};

}  // namespace voxd
