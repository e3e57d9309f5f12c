#include "server/segment_service.h"

#include "server/errors.h"
#include "server/grpc_status.h"
#include "server/segment_call.h"

namespace voxd {

grpc::ServerBidiReactor<v1::SegmentRequest, v1::SegmentEvent>* SegmentService::Segment(
    grpc::CallbackServerContext* context) {
  return SegmentCall::start(*context, serving_);
}

grpc::ServerUnaryReactor* SegmentService::ListModels(grpc::CallbackServerContext* context, const v1::ListModelsRequest*,
                                                     v1::ListModelsResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  try {
    serving_.authorisation.require(caller_of(*context), "ListModels");
  } catch (...) {
    reactor->Finish(to_status(current_error()));
    return reactor;
  }
  for (const ModelStatus& status : serving_.models.list()) {
    v1::ModelInfo& info = *response->add_models();
    info.set_name(status.name);
    info.set_version(status.version);
    info.set_ready(status.ready);
    info.set_reason(status.reason);
    if (!status.ready) continue;
    try {
      const PipelineDescription& description =
          serving_.models.find(status.name, status.version)->pipeline->description();
      info.set_description(description.description);
      info.set_task(description.task);
      info.set_has_probabilities(description.has_probabilities);
      info.mutable_input_channels()->Add(description.channel_names.begin(), description.channel_names.end());
    } catch (const Error& error) {
      info.set_ready(false);
      info.set_reason(error.what());
    }
  }
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace voxd
