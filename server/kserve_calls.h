#pragma once

#include <functional>

#include "grpc_service.pb.h"
#include "server/caller.h"
#include "server/model_changes.h"
#include "server/serving.h"

namespace voxd {

/// The small calls of the KServe protocol, whichever protocol they come over: health, metadata, configuration,
/// statistics, index, loading and unloading, shared memory, traces, log levels. Each is answered for a caller who may
/// call it, else refused; all throw Error. `serving` must outlive it. Safe from any thread; nothing here blocks.
class KserveCalls {
 public:
  struct Instances {
    int count = 1;
    bool cuda = false;
  };
  /// `changes`: where loads and unloads go, which must outlive it; null: they are refused, and so are changes of the
  /// log's level.
  KserveCalls(Serving& serving, Instances instances, ModelChanges* changes)
      : serving_(serving), instances_(instances), changes_(changes) {}

  void answer(const Caller&, const inference::ServerLiveRequest&, inference::ServerLiveResponse&) const;
  void answer(const Caller&, const inference::ServerReadyRequest&, inference::ServerReadyResponse&) const;
  void answer(const Caller&, const inference::ModelReadyRequest&, inference::ModelReadyResponse&) const;
  void answer(const Caller&, const inference::ServerMetadataRequest&, inference::ServerMetadataResponse&) const;
  void answer(const Caller&, const inference::ModelMetadataRequest&, inference::ModelMetadataResponse&) const;
  void answer(const Caller&, const inference::ModelConfigRequest&, inference::ModelConfigResponse&) const;
  void answer(const Caller&, const inference::ModelStatisticsRequest&, inference::ModelStatisticsResponse&) const;
  void answer(const Caller&, const inference::RepositoryIndexRequest&, inference::RepositoryIndexResponse&) const;
  void answer(const Caller&, const inference::SystemSharedMemoryStatusRequest&,
              inference::SystemSharedMemoryStatusResponse&) const;
  void answer(const Caller&, const inference::SystemSharedMemoryRegisterRequest&,
              inference::SystemSharedMemoryRegisterResponse&) const;
  void answer(const Caller&, const inference::SystemSharedMemoryUnregisterRequest&,
              inference::SystemSharedMemoryUnregisterResponse&) const;
  void answer(const Caller&, const inference::CudaSharedMemoryStatusRequest&,
              inference::CudaSharedMemoryStatusResponse&) const;
  void answer(const Caller&, const inference::CudaSharedMemoryRegisterRequest&,
              inference::CudaSharedMemoryRegisterResponse&) const;
  void answer(const Caller&, const inference::CudaSharedMemoryUnregisterRequest&,
              inference::CudaSharedMemoryUnregisterResponse&) const;
  void answer(const Caller&, const inference::TraceSettingRequest&, inference::TraceSettingResponse&) const;
  void answer(const Caller&, const inference::LogSettingsRequest&, inference::LogSettingsResponse&) const;

  /// `done` is called once, with null or why not, on the thread that makes the change; not at all if this throws.
  using Done = std::function<void(const Error* why_not)>;
  void change(const Caller&, const inference::RepositoryModelLoadRequest&, Done done) const;
  void change(const Caller&, const inference::RepositoryModelUnloadRequest&, Done done) const;

 private:
  template <class Request>
  void change(const Caller& caller, std::string_view rpc, ModelChange::Kind kind, const Request& request,
              Done done) const;
  void allow(const Caller& caller, std::string_view rpc) const { serving_.authorisation.require(caller, rpc); }

  Serving& serving_;
  const Instances instances_;
  ModelChanges* const changes_;
};

}  // namespace voxd
