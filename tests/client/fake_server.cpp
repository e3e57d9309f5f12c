#include "tests/client/fake_server.h"

#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <chrono>

#include "gpu_transforms/volume/error.h"

namespace voxd::test {

const std::string echoed_report = R"({"labels": [{"label": 1, "name": "brain", "voxels": 1968200, "ml": 1968.2}]})";

bool FakeCall::read_open() {
  v1::SegmentRequest request;
  if (!stream_.Read(&request) || !request.has_open()) return false;
  open_ = request.open();
  return true;
}

void FakeCall::accept(std::uint32_t max_chunk_bytes) {
  v1::SegmentEvent event;
  event.mutable_accepted()->set_request_id(open_.request_id().empty() ? "made-by-server" : open_.request_id());
  event.mutable_accepted()->set_model_version("3");
  event.mutable_accepted()->set_max_chunk_bytes(max_chunk_bytes);
  stream_.Write(event);
}

bool FakeCall::read_chunk(v1::Chunk& chunk) {
  v1::SegmentRequest request;
  if (!stream_.Read(&request)) return false;
  if (!request.has_chunk()) fail(Code::invalid_argument, "a second open");
  chunk = request.chunk();
  return true;
}

std::map<std::string, std::string> FakeCall::read_parts() {
  std::map<std::string, std::string> parts;
  for (v1::Chunk chunk; read_chunk(chunk);) {
    std::string& bytes = parts[chunk.part_id()];
    if (chunk.offset() != bytes.size())
      fail(Code::invalid_argument, "offset ", chunk.offset(), ", expected ", bytes.size());
    bytes += chunk.data();
  }
  return parts;
}

void FakeCall::progress(v1::Progress::Stage stage, float fraction, std::uint32_t queue_position) {
  v1::SegmentEvent event;
  event.mutable_progress()->set_stage(stage);
  event.mutable_progress()->set_fraction(fraction);
  event.mutable_progress()->set_queue_position(queue_position);
  stream_.Write(event);
}

void FakeCall::answer(const std::vector<std::pair<v1::Result::Kind, std::string>>& results, std::size_t chunk_bytes) {
  v1::SegmentEvent header;
  for (const auto& [kind, bytes] : results) {
    v1::Result& result = *header.mutable_result_header()->add_results();
    result.set_kind(kind);
    result.set_byte_size(bytes.size());
  }
  stream_.Write(header);
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::string& bytes = results[i].second;
    for (std::size_t offset = 0; offset < bytes.size(); offset += chunk_bytes) {
      v1::SegmentEvent event;
      event.mutable_result_chunk()->set_result(static_cast<std::uint32_t>(i));
      event.mutable_result_chunk()->set_offset(offset);
      event.mutable_result_chunk()->set_data(bytes.substr(offset, chunk_bytes));
      stream_.Write(event);
    }
  }
  v1::SegmentEvent summary;
  summary.mutable_summary()->set_model_version("3");
  (*summary.mutable_summary()->mutable_stage_ms())["network"] = 5000;
  (*summary.mutable_summary()->mutable_stage_ms())["decode"] = 12;
  stream_.Write(summary);
}

grpc::Status FakeCall::wait_cancelled() {
  // The synchronous API tells of a cancelled call only when asked.
  std::mutex mutex;
  std::condition_variable never;
  std::unique_lock lock(mutex);
  while (!never.wait_for(lock, std::chrono::milliseconds(2), [&] { return context_.IsCancelled(); })) {
  }
  return grpc::Status::CANCELLED;
}

FakeServer::FakeServer(Script script, int port) : script_(std::move(script)) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:" + std::to_string(port), grpc::InsecureServerCredentials(), &port_);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
  if (!server_) fail(Code::unavailable, "fake server: port ", port, " cannot be had");
}

FakeServer::~FakeServer() { stop(); }

void FakeServer::set_serving(bool serving) { server_->GetHealthCheckService()->SetServingStatus(serving); }

void FakeServer::stop() { server_->Shutdown(std::chrono::system_clock::now()); }

void FakeServer::wait_begun(int calls) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, std::chrono::minutes(1), [&] { return begun_ >= calls; }))
    fail(Code::deadline_exceeded, "fake server: ", begun_, " calls have begun, expected ", calls);
}

void FakeServer::wait_ended(int calls) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, std::chrono::minutes(1), [&] { return ended_ >= calls; }))
    fail(Code::deadline_exceeded, "fake server: ", ended_, " calls have ended, expected ", calls);
}

grpc::Status FakeServer::Segment(grpc::ServerContext* context, FakeCall::Stream* stream) {
  FakeCall call(*context, *stream);
  if (!call.read_open()) return {grpc::StatusCode::INVALID_ARGUMENT, "the first message is no open"};
  {
    const std::lock_guard lock(mutex_);
    ++begun_;
    changed_.notify_all();
  }
  grpc::Status status;
  try {
    status = script_(call);
  } catch (const Error& error) {
    status = {grpc::StatusCode::INVALID_ARGUMENT, error.what()};
  }
  const std::lock_guard lock(mutex_);
  ++ended_;
  changed_.notify_all();
  return status;
}

grpc::Status FakeServer::ListModels(grpc::ServerContext*, const v1::ListModelsRequest*,
                                    v1::ListModelsResponse* response) {
  for (const v1::ModelInfo& model : models) *response->add_models() = model;
  return grpc::Status::OK;
}

grpc::Status echo(FakeCall& call) {
  call.accept();
  std::string image;
  for (const auto& [id, bytes] : call.read_parts()) image += bytes;
  call.progress(v1::Progress::QUEUE, 0, 2);
  call.progress(v1::Progress::NETWORK, 0.5f);
  std::vector<std::pair<v1::Result::Kind, std::string>> results;
  const v1::Options& options = call.open().options();
  if (!options.omit_mask()) results.emplace_back(v1::Result::MASK, image);
  if (options.contour()) results.emplace_back(v1::Result::CONTOUR, echoed_contour);
  if (options.preview()) results.emplace_back(v1::Result::PREVIEW, echoed_preview);
  if (options.report()) results.emplace_back(v1::Result::REPORT, echoed_report);
  call.answer(results);
  return grpc::Status::OK;
}

}  // namespace voxd::test
