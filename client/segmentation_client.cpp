#include "client/segmentation_client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <mutex>
#include <sstream>

#include "client/health.h"
#include "client/image_sender.h"
#include "client/security.h"
#include "client/status.h"
#include "client/volume_sender.h"
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
  // Answers are as large as their volumes. A server that has gone silent is not waited for without end.
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
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

TensorInfo plain(const inference::ModelMetadataResponse::TensorMetadata& tensor) {
  return {tensor.name(), tensor.datatype(), {tensor.shape().begin(), tensor.shape().end()}};
}

ModelTensors plain(const inference::ModelMetadataResponse& metadata) {
  ModelTensors tensors;
  if (metadata.versions_size() > 0) tensors.version = metadata.versions(0);
  for (const auto& tensor : metadata.inputs()) tensors.inputs.push_back(plain(tensor));
  for (const auto& tensor : metadata.outputs()) tensors.outputs.push_back(plain(tensor));
  return tensors;
}

}  // namespace

struct SegmentationClient::Connection {
  std::string address;
  ClientOptions options;
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::Segmentation::Stub> segmentation;
  std::unique_ptr<inference::GRPCInferenceService::Stub> kserve;
  std::mutex mutex = {};
  std::map<std::pair<std::string, std::string>, ModelTensors> tensors = {};  // guarded by mutex

  Error error(const grpc::Status& status) const {
    return error_of(status, address, channel->GetState(false) == GRPC_CHANNEL_READY);
  }
  /// Of a call that its caller could stop, and that had its own time.
  Error ended(const grpc::Status& status, const std::stop_token& stop,
              const std::optional<std::chrono::milliseconds>& timeout,
              std::chrono::steady_clock::time_point started) const {
    if (stop.stop_requested()) return {Code::cancelled, "cancelled by the caller"};
    if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED && timeout &&
        std::chrono::steady_clock::now() - started >= *timeout)
      return {Code::deadline_exceeded, "no answer within " + seconds(*timeout)};
    return error(status);
  }
  void check(const grpc::Status& status) const {
    if (!status.ok()) throw error(status);
  }
  void prepare(grpc::ClientContext& context, std::chrono::milliseconds timeout) const {
    identify(context, options.security);
    context.set_deadline(std::chrono::system_clock::now() + timeout);
  }
};

SegmentationClient::SegmentationClient(std::string address, ClientOptions options) {
  const auto channel = make_channel(address, options.security);
  connection_.reset(new Connection{std::move(address), options, channel, v1::Segmentation::NewStub(channel),
                                   inference::GRPCInferenceService::NewStub(channel)});
}

SegmentationClient::~SegmentationClient() = default;

SegmentationOutcome SegmentationClient::segment(const SegmentationInput& input, const Progress& progress,
                                                std::stop_token stop) {
  ImageSender call(input, connection_->options);
  const auto started = std::chrono::steady_clock::now();
  SegmentationOutcome outcome = call.run(*connection_->segmentation, progress, stop);
  const grpc::Status& status = call.status();
  if (!status.ok()) throw connection_->ended(status, stop, input.timeout, started);
  return outcome;
}

VolumeOutcome SegmentationClient::infer(const VolumeInput& input, std::stop_token stop) {
  const ModelTensors declared = tensors(input.model, input.model_version);
  if (declared.inputs.size() != 1)
    fail(Code::invalid_argument, "model '", input.model, "': takes ", declared.inputs.size(),
         " tensors, not one volume");
  VolumeSender sender(connection_->channel, connection_->options);
  const auto started = std::chrono::steady_clock::now();
  VolumeOutcome outcome = sender.run(input, declared.inputs.front(), stop);
  if (!sender.status().ok()) throw connection_->ended(sender.status(), stop, input.timeout, started);
  return outcome;
}

ModelTensors SegmentationClient::tensors(const std::string& model, const std::string& version) {
  {
    const std::lock_guard lock(connection_->mutex);
    const auto known = connection_->tensors.find({model, version});
    if (known != connection_->tensors.end()) return known->second;
  }
  inference::ModelMetadataRequest request;
  request.set_name(model);
  request.set_version(version);
  inference::ModelMetadataResponse response;
  grpc::ClientContext context;
  connection_->prepare(context, connection_->options.small_call_timeout);
  connection_->check(connection_->kserve->ModelMetadata(&context, request, &response));
  ModelTensors tensors = plain(response);
  const std::lock_guard lock(connection_->mutex);
  return connection_->tensors[{model, version}] = std::move(tensors);
}

void SegmentationClient::register_shared_memory(const std::string& name, const std::string& key, std::uint64_t size) {
  inference::SystemSharedMemoryRegisterRequest request;
  request.set_name(name);
  request.set_key(key);
  request.set_byte_size(size);
  inference::SystemSharedMemoryRegisterResponse response;
  grpc::ClientContext context;
  connection_->prepare(context, connection_->options.small_call_timeout);
  connection_->check(connection_->kserve->SystemSharedMemoryRegister(&context, request, &response));
}

void SegmentationClient::unregister_shared_memory(const std::string& name) {
  inference::SystemSharedMemoryUnregisterRequest request;
  request.set_name(name);
  inference::SystemSharedMemoryUnregisterResponse response;
  grpc::ClientContext context;
  connection_->prepare(context, connection_->options.small_call_timeout);
  connection_->check(connection_->kserve->SystemSharedMemoryUnregister(&context, request, &response));
}

std::vector<ServedModel> SegmentationClient::models() {
  grpc::ClientContext context;
  connection_->prepare(context, connection_->options.small_call_timeout);
  v1::ListModelsResponse response;
  connection_->check(connection_->segmentation->ListModels(&context, v1::ListModelsRequest(), &response));
  std::vector<ServedModel> models;
  for (const v1::ModelInfo& model : response.models()) models.push_back(plain(model));
  return models;
}

void SegmentationClient::load(const std::string& model) {
  grpc::ClientContext context;
  connection_->prepare(context, connection_->options.model_call_timeout);
  inference::RepositoryModelLoadRequest request;
  inference::RepositoryModelLoadResponse response;
  request.set_model_name(model);
  connection_->check(connection_->kserve->RepositoryModelLoad(&context, request, &response));
}

void SegmentationClient::unload(const std::string& model) {
  grpc::ClientContext context;
  connection_->prepare(context, connection_->options.model_call_timeout);
  inference::RepositoryModelUnloadRequest request;
  inference::RepositoryModelUnloadResponse response;
  request.set_model_name(model);
  connection_->check(connection_->kserve->RepositoryModelUnload(&context, request, &response));
}

void SegmentationClient::health(std::chrono::milliseconds wait) {
  if (wait > std::chrono::milliseconds::zero())
    await_health(connection_->channel, connection_->address, wait);
  else
    check_health(connection_->channel, connection_->address, connection_->options.small_call_timeout);
}

}  // namespace voxd
