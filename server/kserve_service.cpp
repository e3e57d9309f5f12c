#include "server/kserve_service.h"

#include "server/errors.h"
#include "server/grpc_status.h"

namespace voxd {

using Unary = KserveService::Unary;
using Context = KserveService::Context;

template <class Request, class Response>
Unary* KserveService::answer(Context* context, const Request& request, Response& response) {
  grpc::Status status;
  try {
    calls_.answer(caller_of(*context), request, response);
  } catch (...) {
    const Error error = current_error();
    add_error_trailers(*context, error, serving_.retry_ms());
    status = to_status(error);
  }
  Unary* const reactor = context->DefaultReactor();
  reactor->Finish(status);
  return reactor;
}

template <class Request>
Unary* KserveService::change(Context* context, const Request& request) {
  Unary* const reactor = context->DefaultReactor();
  try {
    calls_.change(caller_of(*context), request, [reactor](const Error* why_not) {
      reactor->Finish(why_not ? to_status(*why_not) : grpc::Status::OK);
    });
  } catch (...) {
    const Error error = current_error();
    add_error_trailers(*context, error, serving_.retry_ms());
    reactor->Finish(to_status(error));
  }
  return reactor;
}

Unary* KserveService::ServerLive(Context* context, const inference::ServerLiveRequest* request,
                                 inference::ServerLiveResponse* response) {
  return answer(context, *request, *response);
}

Unary* KserveService::ServerReady(Context* context, const inference::ServerReadyRequest* request,
                                  inference::ServerReadyResponse* response) {
  return answer(context, *request, *response);
}

Unary* KserveService::ModelReady(Context* context, const inference::ModelReadyRequest* request,
                                 inference::ModelReadyResponse* response) {
  return answer(context, *request, *response);
}

Unary* KserveService::ServerMetadata(Context* context, const inference::ServerMetadataRequest* request,
                                     inference::ServerMetadataResponse* response) {
  return answer(context, *request, *response);
}

Unary* KserveService::ModelMetadata(Context* context, const inference::ModelMetadataRequest* request,
                                    inference::ModelMetadataResponse* response) {
  return answer(context, *request, *response);
}

Unary* KserveService::ModelConfig(Context* context, const inference::ModelConfigRequest* request,
                                  inference::ModelConfigResponse* response) {
  return answer(context, *request, *response);
}

Unary* KserveService::ModelStatistics(Context* context, const inference::ModelStatisticsRequest* request,
                                      inference::ModelStatisticsResponse* response) {
  return answer(context, *request, *response);
}

Unary* KserveService::RepositoryIndex(Context* context, const inference::RepositoryIndexRequest* request,
                                      inference::RepositoryIndexResponse* response) {
  return answer(context, *request, *response);
}

Unary* KserveService::RepositoryModelLoad(Context* context, const inference::RepositoryModelLoadRequest* request,
                                          inference::RepositoryModelLoadResponse*) {
  return change(context, *request);
}

Unary* KserveService::RepositoryModelUnload(Context* context, const inference::RepositoryModelUnloadRequest* request,
                                            inference::RepositoryModelUnloadResponse*) {
  return change(context, *request);
}

Unary* KserveService::SystemSharedMemoryStatus(Context* context,
                                               const inference::SystemSharedMemoryStatusRequest* request,
                                               inference::SystemSharedMemoryStatusResponse* response) {
  return answer(context, *request, *response);
}

Unary* KserveService::SystemSharedMemoryRegister(Context* context,
                                                 const inference::SystemSharedMemoryRegisterRequest* request,
                                                 inference::SystemSharedMemoryRegisterResponse* response) {
  return answer(context, *request, *response);
}

Unary* KserveService::SystemSharedMemoryUnregister(Context* context,
                                                   const inference::SystemSharedMemoryUnregisterRequest* request,
                                                   inference::SystemSharedMemoryUnregisterResponse* response) {
  return answer(context, *request, *response);
}

Unary* KserveService::CudaSharedMemoryStatus(Context* context, const inference::CudaSharedMemoryStatusRequest* request,
                                             inference::CudaSharedMemoryStatusResponse* response) {
  return answer(context, *request, *response);
}

Unary* KserveService::CudaSharedMemoryRegister(Context* context,
                                               const inference::CudaSharedMemoryRegisterRequest* request,
                                               inference::CudaSharedMemoryRegisterResponse* response) {
  return answer(context, *request, *response);
}

Unary* KserveService::CudaSharedMemoryUnregister(Context* context,
                                                 const inference::CudaSharedMemoryUnregisterRequest* request,
                                                 inference::CudaSharedMemoryUnregisterResponse* response) {
  return answer(context, *request, *response);
}

Unary* KserveService::TraceSetting(Context* context, const inference::TraceSettingRequest* request,
                                   inference::TraceSettingResponse* response) {
  return answer(context, *request, *response);
}

Unary* KserveService::LogSettings(Context* context, const inference::LogSettingsRequest* request,
                                  inference::LogSettingsResponse* response) {
  return answer(context, *request, *response);
}

}  // namespace voxd
