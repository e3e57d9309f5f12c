#pragma once

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/support/byte_buffer.h>

#include <deque>
#include <memory>
#include <mutex>

#include "server/infer_job.h"

namespace voxd {

/// One ModelStreamInfer call: any number of requests, each parsed where it lies, admitted, run as a TensorJob and
/// answered with one message, in the order in which they came; several run at once. A request that fails is answered
/// with an error message and the stream goes on. A message is read before its request is admitted, so no more are read
/// while `max_in_flight` wait for their answers. gRPC's reactions and the jobs' workers meet here; what both use is
/// guarded by mutex_. Keeps itself alive until gRPC is done with it and no job is left.
class StreamInferCall final : public grpc::ServerGenericBidiReactor,
                              public std::enable_shared_from_this<StreamInferCall> {
 public:
  static constexpr std::size_t max_in_flight = 8;

  /// The reactor of a new call, reading already.
  static StreamInferCall* start(grpc::GenericCallbackServerContext& context, Serving& serving);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  class Exchange;

  StreamInferCall(grpc::GenericCallbackServerContext& context, Serving& serving);

  std::shared_ptr<Exchange> take_message();
  void submit(const std::shared_ptr<Exchange>& exchange, grpc::ByteBuffer& message);
  void answer(Exchange& exchange, grpc::ByteBuffer reply);
  void give_up_jobs();
  void go_on();                  // with mutex_ held
  void end(Exchange& exchange);  // with mutex_ held
  void drop_answered();          // with mutex_ held

  grpc::GenericCallbackServerContext& context_;  // until OnDone
  Serving& serving_;                             // until OnDone
  std::shared_ptr<StreamInferCall> self_;
  std::unique_ptr<StallGuard::Watch> watch_;  // of a client that takes no answers
  grpc::ByteBuffer message_;                  // the reading side's

  std::mutex mutex_;
  std::deque<std::shared_ptr<Exchange>> exchanges_;  // in the order of their requests
  bool reading_ = false, all_read_ = false;
  bool writing_ = false;
  bool cancelled_ = false;
  bool finished_ = false;
};

}  // namespace voxd
