#include "server/kserve_calls.h"

#include <utility>

#include "server/kserve_messages.h"
#include "server/printable.h"
#include "server/version.h"

namespace voxd {
namespace {

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

void KserveCalls::answer(const Caller& caller, const inference::ServerLiveRequest&,
                         inference::ServerLiveResponse& response) const {
  allow(caller, "ServerLive");
  response.set_live(true);
}

void KserveCalls::answer(const Caller& caller, const inference::ServerReadyRequest&,
                         inference::ServerReadyResponse& response) const {
  allow(caller, "ServerReady");
  response.set_ready(serving_.ready());
}

void KserveCalls::answer(const Caller& caller, const inference::ModelReadyRequest& request,
                         inference::ModelReadyResponse& response) const {
  allow(caller, "ModelReady");
  try {
    serving_.find_model(request.name(), request.version());
    response.set_ready(!serving_.admission.closed());
  } catch (const Error& error) {
    if (error.code() != Code::unavailable) throw;
    response.set_ready(false);
  }
}

void KserveCalls::answer(const Caller& caller, const inference::ServerMetadataRequest&,
                         inference::ServerMetadataResponse& response) const {
  allow(caller, "ServerMetadata");
  response.set_name("voxd");
  response.set_version(version());
  for (const char* extension :
       {"model_configuration", "statistics", "binary_tensor_data", "parameters", "schedule_policy"})
    response.add_extensions(extension);
  if (serving_.shared_memory.enabled()) response.add_extensions("system_shared_memory");
  if (serving_.shared_memory.takes_cuda()) response.add_extensions("cuda_shared_memory");
  if (!changes_) return;
  response.add_extensions("model_repository");
  response.add_extensions("logging");
}

void KserveCalls::answer(const Caller& caller, const inference::ModelMetadataRequest& request,
                         inference::ModelMetadataResponse& response) const {
  allow(caller, "ModelMetadata");
  fill_metadata(*serving_.find_model(request.name(), request.version()), response);
}

void KserveCalls::answer(const Caller& caller, const inference::ModelConfigRequest& request,
                         inference::ModelConfigResponse& response) const {
  allow(caller, "ModelConfig");
  fill_config(*serving_.find_model(request.name(), request.version()), instances_.count, instances_.cuda,
              *response.mutable_config());
}

void KserveCalls::answer(const Caller& caller, const inference::ModelStatisticsRequest& request,
                         inference::ModelStatisticsResponse& response) const {
  allow(caller, "ModelStatistics");
  if (!request.name().empty()) serving_.find_model(request.name(), request.version());
  for (const ModelStatus& status : serving_.models.list()) {
    if (!request.name().empty() && status.name != request.name()) continue;
    if (!request.version().empty() && status.version != request.version()) continue;
    fill_statistics(status, serving_.records.statistics.of(status.name, status.version), *response.add_model_stats());
  }
}

void KserveCalls::answer(const Caller& caller, const inference::RepositoryIndexRequest& request,
                         inference::RepositoryIndexResponse& response) const {
  allow(caller, "RepositoryIndex");
  check_repository(request.repository_name());
  for (const ModelStatus& status : serving_.models.list()) {
    if (request.ready() && !status.ready) continue;
    auto& index = *response.add_models();
    index.set_name(status.name);
    index.set_version(status.version);
    index.set_state(status.ready ? "READY" : "UNAVAILABLE");
    index.set_reason(status.reason);
  }
}

template <class Request>
void KserveCalls::change(const Caller& caller, std::string_view rpc, ModelChange::Kind kind, const Request& request,
                         Done done) const {
  allow(caller, rpc);
  if (!changes_)
    fail(Code::permission_denied, "loading and unloading is off: this server was started without --model-control");
  check_repository(request.repository_name());
  check_parameters(request.parameters(), kind);
  check_name(request.model_name());
  changes_->push({kind, request.model_name(), std::move(done)});
}

void KserveCalls::change(const Caller& caller, const inference::RepositoryModelLoadRequest& request, Done done) const {
  change(caller, "RepositoryModelLoad", ModelChange::Kind::load, request, std::move(done));
}

void KserveCalls::change(const Caller& caller, const inference::RepositoryModelUnloadRequest& request,
                         Done done) const {
  change(caller, "RepositoryModelUnload", ModelChange::Kind::unload, request, std::move(done));
}

}  // namespace voxd
