#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <mutex>
#include <optional>

#include "server/infer_job.h"

namespace voxd {

/// One ModelInfer call: admitted on its headers, read as one message, parsed where it lies, run as a TensorJob,
/// answered with slices that point at the results. Memory is reserved for the largest image, or for what the client's
/// metadata `x-volume-bytes` announces, until the message is there. gRPC's reactions and the job's worker meet here;
/// what both use is guarded by mutex_. Keeps itself alive until gRPC is done with it.
class InferCall final : public grpc::ServerGenericBidiReactor,
                        public JobListener<TensorResult>,
                        public std::enable_shared_from_this<InferCall> {
 public:
  /// The reactor of a new call, reading or refused already.
  static InferCall* start(grpc::GenericCallbackServerContext& context, Serving& serving);

  void OnReadDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void on_progress(const JobProgress& progress) noexcept override;
  void on_done(TensorResult result) noexcept override;
  void on_error(const Error& error) noexcept override;

 private:
  InferCall(grpc::GenericCallbackServerContext& context, Serving& serving);

  void admit();
  void submit();
  void finish(const Error& error);
  void stalled();

  grpc::GenericCallbackServerContext& context_;  // until OnDone
  Serving& serving_;                             // until OnDone
  std::shared_ptr<InferCall> self_;
  Admission::Ticket ticket_;
  std::unique_ptr<StallGuard::Watch> watch_;
  grpc::ByteBuffer message_, reply_;

  std::mutex mutex_;
  RequestRecord record_;
  std::shared_ptr<TensorJob> job_;
  bool cancelled_ = false;
  bool finished_ = false;
};

}  // namespace voxd
