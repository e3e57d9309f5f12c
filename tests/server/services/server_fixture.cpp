#include "tests/server/services/server_fixture.h"

#include <grpcpp/create_channel.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "server/library_logs.h"
#include "server/logging.h"
#include "tests/support/nifti_builder.h"

namespace voxd::test {
namespace {

std::unique_ptr<ModelRepository> repository_of(const std::shared_ptr<FakePipeline>& pipeline) {
  std::vector<Model> models;
  models.push_back({"fake", "1", pipeline});
  return std::make_unique<ModelRepository>(std::move(models));
}

}  // namespace

ServerFixture::ServerFixture(Settings settings, const Prepare& prepare) {
  silence_log();
  std::erase_if(settings.addresses, [](const std::string& address) { return !address.starts_with("unix:"); });
  settings.addresses.insert(settings.addresses.begin(), "127.0.0.1:0");
  settings.threads = 1;
  if (prepare) prepare(*pipeline);
  app = std::make_unique<App>(settings, repository_of(pipeline));
  channel = connect(*app);
}

ServerFixture::ServerFixture(Gate& gate, Settings settings)
    : ServerFixture(std::move(settings), [&gate](FakePipeline& fake) { fake.gate = &gate; }) {}

void ServerFixture::wait_idle() const {
  while (app->admission().calls() > 0 || app->workers().running() > 0) std::this_thread::yield();
}

void silence_log() {
  [[maybe_unused]] static const bool is_quiet = (start_logging({.level = "off"}), redirect_library_logs(), true);
}

std::shared_ptr<grpc::Channel> connect(const App& app) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  return grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(app.ports().at(0)), grpc::InsecureChannelCredentials(),
                                   arguments);
}

std::string small_image() {
  const std::vector<std::byte> bytes = nifti_bytes(small_nifti());
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

v1::Open open_for(const std::string& image, const std::string& model) {
  v1::Open open;
  open.set_model(model);
  v1::Part& part = *open.add_parts();
  part.set_id("p");
  part.set_file_name("image.nii");
  part.set_byte_size(image.size());
  open.mutable_options()->set_contour(true);
  open.mutable_options()->set_report(true);
  open.set_request_id("test-1");
  return open;
}

bool SegmentOutcome::saw(v1::Progress::Stage stage) const {
  return std::any_of(progress.begin(), progress.end(), [stage](const v1::Progress& p) { return p.stage() == stage; });
}

SegmentCaller::SegmentCaller(const std::shared_ptr<grpc::Channel>& channel)
    : stub_(v1::Segmentation::NewStub(channel)) {}

bool SegmentCaller::start() {
  if (!stream_) stream_ = stub_->Segment(&context_);
  return stream_ != nullptr;
}

bool SegmentCaller::send(const v1::Open& open) {
  v1::SegmentRequest request;
  *request.mutable_open() = open;
  return start() && stream_->Write(request);
}

bool SegmentCaller::send(const std::string& part, std::uint64_t offset, const std::string& data) {
  v1::SegmentRequest request;
  request.mutable_chunk()->set_part_id(part);
  request.mutable_chunk()->set_offset(offset);
  request.mutable_chunk()->set_data(data);
  return start() && stream_->Write(request);
}

void SegmentCaller::end_upload() {
  start();
  if (!std::exchange(upload_ended_, true)) stream_->WritesDone();
}

void SegmentCaller::send_all(const v1::Open& open, const std::string& image) {
  send(open);
  send("p", 0, image);
  end_upload();
}

bool SegmentCaller::wait_for(v1::Progress::Stage stage) {
  while (!outcome_.saw(stage))
    if (!read()) return false;
  return true;
}

bool SegmentCaller::wait_for_accepted() {
  while (!outcome_.accepted)
    if (!read()) return false;
  return true;
}

SegmentOutcome SegmentCaller::finish() {
  while (read()) {
  }
  outcome_.status = stream_->Finish();
  return outcome_;
}

bool SegmentCaller::read() {
  v1::SegmentEvent event;
  if (!stream_->Read(&event)) return false;
  switch (event.message_case()) {
    case v1::SegmentEvent::kAccepted: outcome_.accepted = event.accepted(); break;
    case v1::SegmentEvent::kProgress: outcome_.progress.push_back(event.progress()); break;
    case v1::SegmentEvent::kResultHeader: outcome_.header = event.result_header(); break;
    case v1::SegmentEvent::kResultChunk:
      outcome_.results[outcome_.header.results(static_cast<int>(event.result_chunk().result())).kind()] +=
          event.result_chunk().data();
      break;
    case v1::SegmentEvent::kSummary: outcome_.summary = event.summary(); break;
    case v1::SegmentEvent::MESSAGE_NOT_SET: break;
  }
  return true;
}

SegmentOutcome segment(const std::shared_ptr<grpc::Channel>& channel, const v1::Open& open, const std::string& image) {
  SegmentCaller caller(channel);
  caller.send(open);
  if (caller.wait_for_accepted()) {
    constexpr std::size_t chunk = 100;
    for (std::size_t offset = 0; offset < image.size(); offset += chunk)
      if (!caller.send("p", offset, image.substr(offset, chunk))) break;
    caller.end_upload();
  }
  return caller.finish();
}

}  // namespace voxd::test
