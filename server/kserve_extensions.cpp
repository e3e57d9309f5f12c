#include "server/kserve_calls.h"
#include "server/log_settings.h"
#include "server/printable.h"

// The extensions of the KServe protocol that Triton's clients know: shared memory, traces, log levels.
namespace voxd {
namespace {

constexpr SharedMemoryKind kSystem = SharedMemoryKind::system, kCuda = SharedMemoryKind::cuda;

}  // namespace

void KserveCalls::answer(const Caller& caller, const inference::SystemSharedMemoryStatusRequest& request,
                         inference::SystemSharedMemoryStatusResponse& response) const {
  allow(caller, "SystemSharedMemoryStatus");
  SharedMemory& memory = serving_.shared_memory;
  const std::string scope = memory.scope_of({caller.peer, identity_of(caller)});
  for (const RegionDescription& region : memory.list(kSystem, scope, request.name())) {
    auto& status = (*response.mutable_regions())[region.name];
    status.set_name(region.name);
    status.set_key(region.key);
    status.set_offset(region.offset);
    status.set_byte_size(region.byte_size);
  }
}

void KserveCalls::answer(const Caller& caller, const inference::SystemSharedMemoryRegisterRequest& request,
                         inference::SystemSharedMemoryRegisterResponse&) const {
  allow(caller, "SystemSharedMemoryRegister");
  SharedMemory& memory = serving_.shared_memory;
  memory.add(memory.scope_of({caller.peer, identity_of(caller)}),
             {request.name(), request.key(), request.offset(), request.byte_size()});
}

void KserveCalls::answer(const Caller& caller, const inference::SystemSharedMemoryUnregisterRequest& request,
                         inference::SystemSharedMemoryUnregisterResponse&) const {
  allow(caller, "SystemSharedMemoryUnregister");
  SharedMemory& memory = serving_.shared_memory;
  memory.remove(kSystem, memory.scope_of({caller.peer, identity_of(caller)}), request.name());
}

// Clients that use no memory of a CUDA device ask what there is, and to forget it, all the same: where shared memory is
// off there is none.
void KserveCalls::answer(const Caller& caller, const inference::CudaSharedMemoryStatusRequest& request,
                         inference::CudaSharedMemoryStatusResponse& response) const {
  allow(caller, "CudaSharedMemoryStatus");
  SharedMemory& memory = serving_.shared_memory;
  const std::string scope = memory.enabled() ? memory.scope_of({caller.peer, identity_of(caller)}) : "";
  for (const RegionDescription& region : memory.list(kCuda, scope, request.name())) {
    auto& status = (*response.mutable_regions())[region.name];
    status.set_name(region.name);
    status.set_device_id(static_cast<std::uint64_t>(region.device));
    status.set_byte_size(region.byte_size);
  }
}

void KserveCalls::answer(const Caller& caller, const inference::CudaSharedMemoryRegisterRequest& request,
                         inference::CudaSharedMemoryRegisterResponse&) const {
  allow(caller, "CudaSharedMemoryRegister");
  SharedMemory& memory = serving_.shared_memory;
  memory.add(memory.scope_of({caller.peer, identity_of(caller)}), {.name = request.name(),
                                                                   .byte_size = request.byte_size(),
                                                                   .kind = kCuda,
                                                                   .device = request.device_id(),
                                                                   .raw_handle = request.raw_handle()});
}

void KserveCalls::answer(const Caller& caller, const inference::CudaSharedMemoryUnregisterRequest& request,
                         inference::CudaSharedMemoryUnregisterResponse&) const {
  allow(caller, "CudaSharedMemoryUnregister");
  SharedMemory& memory = serving_.shared_memory;
  if (memory.enabled()) memory.remove(kCuda, memory.scope_of({caller.peer, identity_of(caller)}), request.name());
}

void KserveCalls::answer(const Caller& caller, const inference::TraceSettingRequest& request,
                         inference::TraceSettingResponse& response) const {
  allow(caller, "TraceSetting");
  if (!request.model_name().empty()) serving_.find_model(request.model_name(), "");
  for (const auto& [name, setting] : request.settings())
    if (setting.value_size() > 0)
      fail(Code::unimplemented, "trace setting '", printable(name),
           "': cannot be changed, this server writes no traces");
  (*response.mutable_settings())["trace_level"].add_value("OFF");
}

void KserveCalls::answer(const Caller& caller, const inference::LogSettingsRequest& request,
                         inference::LogSettingsResponse& response) const {
  allow(caller, "LogSettings");
  apply_log_settings(request, changes_ != nullptr, response);
}

}  // namespace voxd
