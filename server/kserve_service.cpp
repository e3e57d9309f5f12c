#include "server/kserve_service.h"

#include "server/kserve_answer.h"
#include "server/kserve_messages.h"
#include "server/printable.h"
#include "server/version.h"

namespace voxd {
namespace {

using Unary = KserveService::Unary;
using Context = KserveService::Context;

void check_repository(const std::string& name) {
  if (!name.empty())
    fail(Code::unimplemented, "repository_name: '", printable(name), "', this server has one repository");
}

void check_name(const std::string& name) {
  if (name.empty()) fail(Code::invalid_argument, "model name: empty");
  if (const std::string shown = printable(name); shown != name)
    fail(Code::not_found, "Request for unknown model: '", shown, "' is not found");
}

// Nothing of a model comes over the network. That of unload_dependents, which Triton's client always sends, is moot: no
// model depends on another.
template <class Parameters>
void check_parameters(const Parameters& parameters, ModelChange::Kind kind) {
  for (const auto& [name, value] : parameters)
    if (kind != ModelChange::Kind::unload || name != "unload_dependents")
      fail(Code::invalid_argument, "parameters: '", printable(name),
           "' is not supported, a model is served as the repository has it");
}

}  // namespace

Unary* KserveService::ServerLive(Context* context, const inference::ServerLiveRequest*,
                                 inference::ServerLiveResponse* response) {
  return answer(serving_, context, "ServerLive", [&] { response->set_live(true); });
}

Unary* KserveService::ServerReady(Context* context, const inference::ServerReadyRequest*,
                                  inference::ServerReadyResponse* response) {
  return answer(serving_, context, "ServerReady", [&] { response->set_ready(serving_.ready()); });
}

Unary* KserveService::ModelReady(Context* context, const inference::ModelReadyRequest* request,
                                 inference::ModelReadyResponse* response) {
  return answer(serving_, context, "ModelReady", [&] {
    try {
      serving_.find_model(request->name(), request->version());
      response->set_ready(!serving_.admission.closed());
    } catch (const Error& error) {
      if (error.code() != Code::unavailable) throw;
      response->set_ready(false);
    }
  });
}

Unary* KserveService::ServerMetadata(Context* context, const inference::ServerMetadataRequest*,
                                     inference::ServerMetadataResponse* response) {
  return answer(serving_, context, "ServerMetadata", [&] {
    response->set_name("voxd");
    response->set_version(version());
    for (const char* extension :
         {"model_configuration", "statistics", "binary_tensor_data", "parameters", "schedule_policy"})
      response->add_extensions(extension);
    if (serving_.shared_memory.enabled()) response->add_extensions("system_shared_memory");
    if (!changes_) return;
    response->add_extensions("model_repository");
    response->add_extensions("logging");
  });
}

Unary* KserveService::ModelMetadata(Context* context, const inference::ModelMetadataRequest* request,
                                    inference::ModelMetadataResponse* response) {
  return answer(serving_, context, "ModelMetadata",
                [&] { fill_metadata(*serving_.find_model(request->name(), request->version()), *response); });
}

Unary* KserveService::ModelConfig(Context* context, const inference::ModelConfigRequest* request,
                                  inference::ModelConfigResponse* response) {
  return answer(serving_, context, "ModelConfig", [&] {
    fill_config(*serving_.find_model(request->name(), request->version()), instances_.count, instances_.cuda,
                *response->mutable_config());
  });
}

Unary* KserveService::ModelStatistics(Context* context, const inference::ModelStatisticsRequest* request,
                                      inference::ModelStatisticsResponse* response) {
  return answer(serving_, context, "ModelStatistics", [&] {
    if (!request->name().empty()) serving_.find_model(request->name(), request->version());
    for (const ModelStatus& status : serving_.models.list()) {
      if (!request->name().empty() && status.name != request->name()) continue;
      if (!request->version().empty() && status.version != request->version()) continue;
      fill_statistics(status, serving_.records.statistics.of(status.name, status.version),
                      *response->add_model_stats());
    }
  });
}

Unary* KserveService::RepositoryIndex(Context* context, const inference::RepositoryIndexRequest* request,
                                      inference::RepositoryIndexResponse* response) {
  return answer(serving_, context, "RepositoryIndex", [&] {
    check_repository(request->repository_name());
    for (const ModelStatus& status : serving_.models.list()) {
      if (request->ready() && !status.ready) continue;
      auto& index = *response->add_models();
      index.set_name(status.name);
      index.set_version(status.version);
      index.set_state(status.ready ? "READY" : "UNAVAILABLE");
      index.set_reason(status.reason);
    }
  });
}

// The call is answered by the thread that makes the change.
template <class Request>
Unary* KserveService::change(Context* context, ModelChange::Kind kind, const Request& request) {
  Unary* const reactor = context->DefaultReactor();
  try {
    serving_.authorisation.require(*context,
                                   kind == ModelChange::Kind::load ? "RepositoryModelLoad" : "RepositoryModelUnload");
    if (!changes_)
      fail(Code::permission_denied, "loading and unloading is off: this server was started without --model-control");
    check_repository(request.repository_name());
    check_parameters(request.parameters(), kind);
    check_name(request.model_name());
    changes_->push({kind, request.model_name(), [reactor](const Error* why_not) {
                      reactor->Finish(why_not ? to_status(*why_not) : grpc::Status::OK);
                    }});
  } catch (...) {
    const Error error = current_error();
    add_error_trailers(*context, error, serving_.retry_ms());
    reactor->Finish(to_status(error));
  }
  return reactor;
}

Unary* KserveService::RepositoryModelLoad(Context* context, const inference::RepositoryModelLoadRequest* request,
                                          inference::RepositoryModelLoadResponse*) {
  return change(context, ModelChange::Kind::load, *request);
}

Unary* KserveService::RepositoryModelUnload(Context* context, const inference::RepositoryModelUnloadRequest* request,
                                            inference::RepositoryModelUnloadResponse*) {
  return change(context, ModelChange::Kind::unload, *request);
}

}  // namespace voxd
