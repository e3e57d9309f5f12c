#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>

#include "client/segmentation_client.h"
#include "client/volume_call.h"
#include "grpc_service.grpc.pb.h"  // how gRPC reads and writes messages, too

namespace voxd {

/// Sends one volume with ModelInfer and waits for the answer, again where the server says that it has not begun and
/// when to come back. Used once, by one thread.
class VolumeSender {
 public:
  VolumeSender(const std::shared_ptr<grpc::Channel>& channel, const ClientOptions& options)
      : channel_(channel), stub_(channel), options_(options) {}

  /// The answer, with status() OK; any other status is the last attempt's. No slice of the message points at the voxels
  /// any more when it returns. Throws Error.
  VolumeOutcome run(const VolumeInput& input, const TensorInfo& declared, const std::stop_token& stop);
  const grpc::Status& status() const { return status_; }

 private:
  using Clock = std::chrono::system_clock;
  /// How long to wait before another attempt, if the server says so.
  std::optional<std::chrono::milliseconds> attempt(const VolumeInput& input, const TensorInfo& declared,
                                                   Clock::time_point deadline, inference::ModelInferResponse& response,
                                                   const std::stop_token& stop);

  const std::shared_ptr<grpc::Channel> channel_;
  grpc::TemplatedGenericStub<grpc::ByteBuffer, inference::ModelInferResponse> stub_;
  const ClientOptions& options_;
  grpc::Status status_;
};

}  // namespace voxd
