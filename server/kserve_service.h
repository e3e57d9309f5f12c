#pragma once

#include "grpc_service.grpc.pb.h"
#include "server/kserve_calls.h"

namespace voxd {

/// inference.GRPCInferenceService but for ModelInfer and ModelStreamInfer, which InferService serves: KserveCalls over
/// gRPC. `serving` must outlive it. Safe from any thread; nothing here blocks: loads and unloads are answered by the
/// thread that makes them.
class KserveService final : public inference::GRPCInferenceService::WithGenericMethod_ModelInfer<
                                inference::GRPCInferenceService::WithGenericMethod_ModelStreamInfer<
                                    inference::GRPCInferenceService::CallbackService>> {
 public:
  /// As KserveCalls.
  KserveService(Serving& serving, KserveCalls::Instances instances, ModelChanges* changes)
      : serving_(serving), calls_(serving, instances, changes) {}

  using Context = grpc::CallbackServerContext;
  using Unary = grpc::ServerUnaryReactor;

  Unary* ServerLive(Context*, const inference::ServerLiveRequest*, inference::ServerLiveResponse*) override;
  Unary* ServerReady(Context*, const inference::ServerReadyRequest*, inference::ServerReadyResponse*) override;
  Unary* ModelReady(Context*, const inference::ModelReadyRequest*, inference::ModelReadyResponse*) override;
  Unary* ServerMetadata(Context*, const inference::ServerMetadataRequest*, inference::ServerMetadataResponse*) override;
  Unary* ModelMetadata(Context*, const inference::ModelMetadataRequest*, inference::ModelMetadataResponse*) override;
  Unary* ModelConfig(Context*, const inference::ModelConfigRequest*, inference::ModelConfigResponse*) override;
  Unary* ModelStatistics(Context*, const inference::ModelStatisticsRequest*,
                         inference::ModelStatisticsResponse*) override;
  Unary* RepositoryIndex(Context*, const inference::RepositoryIndexRequest*,
                         inference::RepositoryIndexResponse*) override;

  Unary* RepositoryModelLoad(Context*, const inference::RepositoryModelLoadRequest*,
                             inference::RepositoryModelLoadResponse*) override;
  Unary* RepositoryModelUnload(Context*, const inference::RepositoryModelUnloadRequest*,
                               inference::RepositoryModelUnloadResponse*) override;
  Unary* SystemSharedMemoryStatus(Context*, const inference::SystemSharedMemoryStatusRequest*,
                                  inference::SystemSharedMemoryStatusResponse*) override;
  Unary* SystemSharedMemoryRegister(Context*, const inference::SystemSharedMemoryRegisterRequest*,
                                    inference::SystemSharedMemoryRegisterResponse*) override;
  Unary* SystemSharedMemoryUnregister(Context*, const inference::SystemSharedMemoryUnregisterRequest*,
                                      inference::SystemSharedMemoryUnregisterResponse*) override;
  Unary* CudaSharedMemoryStatus(Context*, const inference::CudaSharedMemoryStatusRequest*,
                                inference::CudaSharedMemoryStatusResponse*) override;
  Unary* CudaSharedMemoryRegister(Context*, const inference::CudaSharedMemoryRegisterRequest*,
                                  inference::CudaSharedMemoryRegisterResponse*) override;
  Unary* CudaSharedMemoryUnregister(Context*, const inference::CudaSharedMemoryUnregisterRequest*,
                                    inference::CudaSharedMemoryUnregisterResponse*) override;
  Unary* TraceSetting(Context*, const inference::TraceSettingRequest*, inference::TraceSettingResponse*) override;
  Unary* LogSettings(Context*, const inference::LogSettingsRequest*, inference::LogSettingsResponse*) override;

 private:
  template <class Request, class Response>
  Unary* answer(Context* context, const Request& request, Response& response);
  template <class Request>
  Unary* change(Context* context, const Request& request);

  Serving& serving_;
  const KserveCalls calls_;
};

}  // namespace voxd
