// The CUDA functions of a build without CUDA: each says so.
#include "gpu_transforms/cuda_calls.h"
#include "gpu_transforms/cuda_memory.h"
#include "gpu_transforms/imported_memory.h"
#include "gpu_transforms/memory_pool.h"
#include "gpu_transforms/volume/error.h"

namespace voxd {
namespace {

constexpr const char* kReason = "cuda: this build has the CPU backend only";

}  // namespace

int cuda_device_count(std::string* why) {
  if (why != nullptr) *why = kReason;
  return 0;
}

std::unique_ptr<Stream> make_cuda_stream(int) { fail(Code::failed_precondition, kReason); }

std::string cuda_device_name(int) { fail(Code::failed_precondition, kReason); }

std::int64_t cuda_free_memory(int) { fail(Code::failed_precondition, kReason); }

std::shared_ptr<const ImportedMemory> import_cuda_memory(std::span<const std::byte>, int) {
  fail(Code::failed_precondition, kReason);
}

DeviceAllocator cuda_async_allocator() { fail(Code::failed_precondition, kReason); }

void cuda_copy_bytes(void*, const void*, std::size_t, Direction, Stream&) { fail(Code::failed_precondition, kReason); }

void cuda_fill_bytes(void*, unsigned char, std::size_t, Stream&) { fail(Code::failed_precondition, kReason); }

}  // namespace voxd
