#include "client/segmentation_client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <sstream>

#include "client/health.h"
#include "client/security.h"
#include "client/segment_call.h"
#include "client/status.h"
#include "grpc_service.grpc.pb.h"

namespace voxd {
namespace {

std::shared_ptr<grpc::Channel> make_channel(const std::string& address, const ClientSecurity& security) {
  grpc::ChannelArguments arguments;
  // A client that waits for a server to start sees it at once, not after gRPC's usual back-off of up to two minutes.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // Each client has its own connection: uploads do not share one window, and nobody inherits another client's back-off.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  if (!security.server_name.empty()) arguments.SetSslTargetNameOverride(security.server_name);
  return grpc::CreateCustomChannel(address, credentials_for(address, security), arguments);
}

std::string seconds(std::chrono::milliseconds time) {
  std::ostringstream text;
  text << static_cast<double>(time.count()) / 1000 << " s";
  return text.str();
}

ServedModel plain(const v1::ModelInfo& model) {
  return {model.name(),
          model.version(),
          model.ready(),
          model.reason(),
          model.description(),
          model.task(),
          {model.input_channels().begin(), model.input_channels().end()},
          model.has_probabilities()};
}

}  // namespace

struct SegmentationClient::Connection {
  std::string address;
  ClientOptions options;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::Segmentation::Stub> segmentation;
  std::unique_ptr<inference::GRPCInferenceService::Stub> kserve;

  Error error(const grpc::Status& status) const {
    return error_of(status, address, channel->GetState(false) == GRPC_CHANNEL_READY);
  }
};

SegmentationClient::SegmentationClient(std::string address, ClientOptions options) {
  const auto channel = make_channel(address, options.security);
  connection_ =
      std::make_unique<Connection>(Connection{std::move(address), options, channel, v1::Segmentation::NewStub(channel),
                                              inference::GRPCInferenceService::NewStub(channel)});
}

SegmentationClient::~SegmentationClient() = default;

SegmentationOutcome SegmentationClient::segment(const SegmentationInput& input, const Progress& progress,
                                                std::stop_token stop) {
  SegmentCall call(input, connection_->options);
  const auto started = std::chrono::steady_clock::now();
  SegmentationOutcome outcome = call.run(*connection_->segmentation, progress, stop);
  const grpc::Status& status = call.status();
  if (status.ok()) return outcome;
  if (status.error_code() == grpc::StatusCode::CANCELLED && stop.stop_requested())
    fail(Code::cancelled, "cancelled by the caller");
  if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED && input.timeout &&
      std::chrono::steady_clock::now() - started >= *input.timeout)
    fail(Code::deadline_exceeded, "no answer within ", seconds(*input.timeout));
  throw connection_->error(status);
}

std::vector<ServedModel> SegmentationClient::models() {
  grpc::ClientContext context;
  identify(context, connection_->options.security);
  context.set_deadline(std::chrono::system_clock::now() + connection_->options.small_call_timeout);
  v1::ListModelsResponse response;
  const grpc::Status status = connection_->segmentation->ListModels(&context, v1::ListModelsRequest(), &response);
  if (!status.ok()) throw connection_->error(status);
  std::vector<ServedModel> models;
  for (const v1::ModelInfo& model : response.models()) models.push_back(plain(model));
  return models;
}

void SegmentationClient::load(const std::string& model) {
  grpc::ClientContext context;
  identify(context, connection_->options.security);
  context.set_deadline(std::chrono::system_clock::now() + connection_->options.model_call_timeout);
  inference::RepositoryModelLoadRequest request;
  inference::RepositoryModelLoadResponse response;
  request.set_model_name(model);
  const grpc::Status status = connection_->kserve->RepositoryModelLoad(&context, request, &response);
  if (!status.ok()) throw connection_->error(status);
}

void SegmentationClient::unload(const std::string& model) {
  grpc::ClientContext context;
  identify(context, connection_->options.security);
  context.set_deadline(std::chrono::system_clock::now() + connection_->options.model_call_timeout);
  inference::RepositoryModelUnloadRequest request;
  inference::RepositoryModelUnloadResponse response;
  request.set_model_name(model);
  const grpc::Status status = connection_->kserve->RepositoryModelUnload(&context, request, &response);
  if (!status.ok()) throw connection_->error(status);
}

void SegmentationClient::health(std::chrono::milliseconds wait) {
  if (wait > std::chrono::milliseconds::zero())
    await_health(connection_->channel, connection_->address, wait);
  else
    check_health(connection_->channel, connection_->address, connection_->options.small_call_timeout);
}

}  // namespace voxd
