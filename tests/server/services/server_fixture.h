#pragma once

#include <grpcpp/channel.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "grpc_service.grpc.pb.h"
#include "server/app.h"
#include "tests/server/services/fake_pipeline.h"
#include "voxd/v1/segmentation.grpc.pb.h"

namespace voxd::test {

/// A server on a free loopback port, and the unix sockets of its settings, with one model "fake", and a channel to it.
/// What the model's threads share with a test is in place before they start (`prepare`, a gate that lives longer):
/// between them there is gRPC only, through which ThreadSanitizer sees no order.
struct ServerFixture {
  using Prepare = std::function<void(FakePipeline&)>;
  explicit ServerFixture(Settings settings = {}, const Prepare& prepare = {});
  /// Whose model waits at the gate in the network stage.
  explicit ServerFixture(Gate& gate, Settings settings = {});

  std::unique_ptr<v1::Segmentation::Stub> segmentation() const { return v1::Segmentation::NewStub(channel); }
  std::unique_ptr<inference::GRPCInferenceService::Stub> kserve() const {
    return inference::GRPCInferenceService::NewStub(channel);
  }
  /// Waits until no call is in flight and no worker is busy.
  void wait_idle() const;

  std::shared_ptr<FakePipeline> pipeline = std::make_shared<FakePipeline>();
  std::unique_ptr<App> app;
  std::shared_ptr<grpc::Channel> channel;
};

/// No test of this program logs anything from here on.
void silence_log();

/// A channel of its own, on a connection of its own.
std::shared_ptr<grpc::Channel> connect(const App& app);

/// The ramp NIfTI of tests/support, as a string.
std::string small_image();

/// An Open for one part "p" that holds `image`, with everything asked for but the preview.
v1::Open open_for(const std::string& image, const std::string& model = "fake");

/// What came of one Segment call.
struct SegmentOutcome {
  grpc::Status status;
  std::optional<v1::Accepted> accepted;
  std::vector<v1::Progress> progress;
  v1::ResultHeader header;
  std::map<v1::Result::Kind, std::string> results;
  std::optional<v1::Summary> summary;
  bool saw(v1::Progress::Stage stage) const;
};

/// A Segment call in the client's hands.
class SegmentCaller {
 public:
  explicit SegmentCaller(const std::shared_ptr<grpc::Channel>& channel);
  grpc::ClientContext& context() { return context_; }
  bool send(const v1::Open& open);
  bool send(const std::string& part, std::uint64_t offset, const std::string& data);
  void end_upload();
  /// Open, the image in one chunk, and the end of the upload.
  void send_all(const v1::Open& open, const std::string& image);
  /// Reads until an event of progress in that stage comes; false if the call ends first.
  bool wait_for(v1::Progress::Stage stage);
  /// Reads until Accepted comes; false if the call ends first.
  bool wait_for_accepted();
  /// Reads to the end.
  SegmentOutcome finish();

 private:
  bool start();
  bool read();

  grpc::ClientContext context_;
  std::unique_ptr<v1::Segmentation::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::SegmentRequest, v1::SegmentEvent>> stream_;
  SegmentOutcome outcome_;
  bool upload_ended_ = false;
};

/// Sends it all, reads it all.
SegmentOutcome segment(const std::shared_ptr<grpc::Channel>& channel, const v1::Open& open, const std::string& image);

}  // namespace voxd::test
