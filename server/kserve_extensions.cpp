#include "server/caller.h"
#include "server/kserve_answer.h"
#include "server/kserve_service.h"
#include "server/log_settings.h"
#include "server/printable.h"

// The extensions of the KServe protocol that Triton's clients know: shared memory, traces, log levels.
namespace voxd {
namespace {

using Unary = KserveService::Unary;

constexpr const char* kNoCudaSharedMemory =
    "Client shared memory is disabled: this server does not take memory of CUDA devices";

SharedMemory::Caller caller_of(const grpc::CallbackServerContext& context) {
  return {context.peer(), identity_of(context)};
}

}  // namespace

Unary* KserveService::SystemSharedMemoryStatus(Context* context,
                                               const inference::SystemSharedMemoryStatusRequest* request,
                                               inference::SystemSharedMemoryStatusResponse* response) {
  return answer(serving_, context, "SystemSharedMemoryStatus", [&] {
    SharedMemory& memory = serving_.shared_memory;
    for (const RegionDescription& region : memory.list(memory.scope_of(caller_of(*context)), request->name())) {
      auto& status = (*response->mutable_regions())[region.name];
      status.set_name(region.name);
      status.set_key(region.key);
      status.set_offset(region.offset);
      status.set_byte_size(region.byte_size);
    }
  });
}

Unary* KserveService::SystemSharedMemoryRegister(Context* context,
                                                 const inference::SystemSharedMemoryRegisterRequest* request,
                                                 inference::SystemSharedMemoryRegisterResponse*) {
  return answer(serving_, context, "SystemSharedMemoryRegister", [&] {
    SharedMemory& memory = serving_.shared_memory;
    memory.add(memory.scope_of(caller_of(*context)),
               {request->name(), request->key(), request->offset(), request->byte_size()});
  });
}

Unary* KserveService::SystemSharedMemoryUnregister(Context* context,
                                                   const inference::SystemSharedMemoryUnregisterRequest* request,
                                                   inference::SystemSharedMemoryUnregisterResponse*) {
  return answer(serving_, context, "SystemSharedMemoryUnregister", [&] {
    SharedMemory& memory = serving_.shared_memory;
    memory.remove(memory.scope_of(caller_of(*context)), request->name());
  });
}

// Clients that use no memory of a CUDA device ask what there is, and to forget it, all the same.
Unary* KserveService::CudaSharedMemoryStatus(Context* context, const inference::CudaSharedMemoryStatusRequest* request,
                                             inference::CudaSharedMemoryStatusResponse*) {
  return answer(serving_, context, "CudaSharedMemoryStatus", [&] {
    if (!request->name().empty())
      fail(Code::not_found, "Unable to find cuda shared memory region: '", printable(request->name()), "'");
  });
}

Unary* KserveService::CudaSharedMemoryRegister(Context* context, const inference::CudaSharedMemoryRegisterRequest*,
                                               inference::CudaSharedMemoryRegisterResponse*) {
  return answer(serving_, context, "CudaSharedMemoryRegister", [] { fail(Code::unimplemented, kNoCudaSharedMemory); });
}

Unary* KserveService::CudaSharedMemoryUnregister(Context* context, const inference::CudaSharedMemoryUnregisterRequest*,
                                                 inference::CudaSharedMemoryUnregisterResponse*) {
  return answer(serving_, context, "CudaSharedMemoryUnregister", [] {});
}

Unary* KserveService::TraceSetting(Context* context, const inference::TraceSettingRequest* request,
                                   inference::TraceSettingResponse* response) {
  return answer(serving_, context, "TraceSetting", [&] {
    if (!request->model_name().empty()) serving_.find_model(request->model_name(), "");
    for (const auto& [name, setting] : request->settings())
      if (setting.value_size() > 0)
        fail(Code::unimplemented, "trace setting '", printable(name),
             "': cannot be changed, this server writes no traces");
    (*response->mutable_settings())["trace_level"].add_value("OFF");
  });
}

Unary* KserveService::LogSettings(Context* context, const inference::LogSettingsRequest* request,
                                  inference::LogSettingsResponse* response) {
  return answer(serving_, context, "LogSettings",
                [&] { apply_log_settings(*request, changes_ != nullptr, *response); });
}

}  // namespace voxd
