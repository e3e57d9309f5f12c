#pragma once

#include <grpcpp/server.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "voxd/v1/segmentation.grpc.pb.h"

namespace voxd::test {

/// The server's side of one Segment call, as a small language for scripts. Used by the script's thread.
class FakeCall {
 public:
  using Stream = grpc::ServerReaderWriter<v1::SegmentEvent, v1::SegmentRequest>;
  FakeCall(grpc::ServerContext& context, Stream& stream) : context_(context), stream_(stream) {}

  /// Reads the first message; false if it is no Open.
  bool read_open();
  const v1::Open& open() const { return open_; }

  void accept(std::uint32_t max_chunk_bytes = 1 << 20);
  /// The next chunk; false once the client has half-closed or the call is over.
  bool read_chunk(v1::Chunk& chunk);
  /// Every part's bytes by its id, each chunk checked to continue its part.
  std::map<std::string, std::string> read_parts();
  void progress(v1::Progress::Stage stage, float fraction, std::uint32_t queue_position = 0);
  /// Header, chunks of `chunk_bytes`, summary.
  void answer(const std::vector<std::pair<v1::Result::Kind, std::string>>& results, std::size_t chunk_bytes = 1 << 20);
  void send(const v1::SegmentEvent& event) { stream_.Write(event); }
  /// Returns when the client is gone.
  grpc::Status wait_cancelled();

 private:
  grpc::ServerContext& context_;
  Stream& stream_;
  v1::Open open_;
};

/// voxd's services in this process, doing what a test's script says. Safe from any thread but for `script` and
/// `models`, which are set before the first call.
class FakeServer final : public v1::Segmentation::Service {
 public:
  using Script = std::function<grpc::Status(FakeCall&)>;

  /// Listens on 127.0.0.1; port 0: a free one.
  explicit FakeServer(Script script, int port = 0);
  ~FakeServer() override;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  int port() const { return port_; }
  void set_serving(bool serving);
  /// Ends running calls at once, as a server that dies.
  void stop();
  /// Waits until so many calls have begun, or ended; throws after a minute, so that a test fails instead of hanging.
  void wait_begun(int calls);
  void wait_ended(int calls);

  std::vector<v1::ModelInfo> models;

 private:
  grpc::Status Segment(grpc::ServerContext* context, FakeCall::Stream* stream) override;
  grpc::Status ListModels(grpc::ServerContext* context, const v1::ListModelsRequest* request,
                          v1::ListModelsResponse* response) override;

  const Script script_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int begun_ = 0;  // guarded by mutex_
  int ended_ = 0;  // guarded by mutex_
};

/// A script that accepts the call, sends its bytes back as the mask, and fixed texts as the other results that were
/// asked for.
grpc::Status echo(FakeCall& call);

/// What echo() sends for the others.
inline const std::string echoed_contour = "contour bytes";
inline const std::string echoed_preview = "preview bytes";
extern const std::string echoed_report;

}  // namespace voxd::test
