#include "tests/bench/transport_sides.h"

#include <grpcpp/create_channel.h>

#include <cstring>
#include <sstream>

#include "gpu_transforms/volume/error.h"
#include "tests/bench/transport_server.h"

namespace voxd::bench {

ServerProcess::ServerProcess(const std::string& program, const std::string& kind, std::int64_t queue_bytes)
    : process_({program, "--serve", kind, "--queue-bytes", std::to_string(queue_bytes)}, {}) {
  std::istringstream ports(process_.read_line());
  if (!(ports >> port_ >> http_port_)) fail(Code::internal, "server '", kind, "': has not started");
}

ServerProcess::Usage ServerProcess::usage() {
  process_.write_line("usage");
  Usage usage;
  std::istringstream(process_.read_line()) >> usage.minor_faults >> usage.resident_kb >> usage.peak_kb;
  return usage;
}

void ServerProcess::reset_peak() {
  process_.write_line("reset");
  process_.read_line();
}

TypedClient::TypedClient(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  stub_ = inference::GRPCInferenceService::NewStub(
      grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
}

grpc::Status TypedClient::infer(std::span<const std::byte> volume, std::span<std::byte> labels) {
  inference::ModelInferRequest request;
  request.set_model_name("labels");
  auto& input = *request.add_inputs();
  input.set_name("INPUT0");
  input.set_datatype("FP32");
  for (const int axis : {1, kVolume[0], kVolume[1], kVolume[2]}) input.add_shape(axis);
  request.add_raw_input_contents(reinterpret_cast<const char*>(volume.data()), volume.size());
  grpc::ClientContext context;
  inference::ModelInferResponse response;
  const grpc::Status status = stub_->ModelInfer(&context, request, &response);
  std::size_t at = 0;
  for (const std::string& output : response.raw_output_contents()) {
    if (output.size() > labels.size() - at) fail(Code::internal, "answer: longer than two label maps");
    std::memcpy(labels.data() + at, output.data(), output.size());
    at += output.size();
  }
  return status;
}

HeldCall::HeldCall(const std::string& address, const std::string& model, std::int64_t image_bytes)
    : stub_(v1::Segmentation::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))),
      stream_(stub_->Segment(&context_)) {
  v1::SegmentRequest request;
  v1::Open& open = *request.mutable_open();
  open.set_model(model);
  v1::Part& part = *open.add_parts();
  part.set_id("p");
  part.set_byte_size(static_cast<std::uint64_t>(image_bytes));
  v1::SegmentEvent event;
  if (!stream_->Write(request) || !stream_->Read(&event) || !event.has_accepted())
    fail(Code::internal, "a call that was to be held: ", stream_->Finish().error_message());
}

HeldCall::~HeldCall() {
  context_.TryCancel();
  stream_->Finish();
}

}  // namespace voxd::bench
