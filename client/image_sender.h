#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <exception>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "client/segmentation_client.h"
#include "voxd/v1/segmentation.grpc.pb.h"

namespace voxd {

/// One call of Segment from Open to status. The thread that calls run() reads the events; a thread of its own uploads,
/// so that progress and refusals are seen while bytes still go up. Used once, by one thread.
class ImageSender {
 public:
  using Progress = SegmentationClient::Progress;

  ImageSender(const SegmentationInput& input, const ClientOptions& options);

  /// The answer, with the call's status OK. Throws what progress throws, and local faults as Error; a status that is
  /// not OK is left in status() and gives an outcome that means nothing.
  SegmentationOutcome run(v1::Segmentation::Stub& stub, const Progress& progress, const std::stop_token& stop);
  /// After run(): how the server ended the call.
  const grpc::Status& status() const { return status_; }

 private:
  v1::SegmentRequest open_message() const;
  void upload(std::size_t chunk_bytes);
  bool upload_part(std::size_t index, std::size_t chunk_bytes);
  grpc::Status end();

  const SegmentationInput& input_;
  const ClientOptions& options_;
  std::vector<std::uint64_t> part_bytes_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::SegmentRequest, v1::SegmentEvent>> stream_;
  std::exception_ptr upload_failure_;  // written by the uploading thread, read after it was joined
  std::thread uploader_;
  grpc::Status status_;
};

}  // namespace voxd
