// Memory that other processes share through CUDA's interprocess handles.
#include <cuda.h>

#include <cstring>
#include <string>

#include "gpu_transforms/cuda_check.h"
#include "gpu_transforms/imported_memory.h"
#include "gpu_transforms/memory_pool.h"

namespace voxd {
namespace {

using AddressRange = CUresult (*)(CUdeviceptr* base, std::size_t* size, CUdeviceptr pointer);

/// The driver's cuMemGetAddressRange, without linking the driver.
AddressRange address_range_function() {
  void* function = nullptr;
  cudaDriverEntryPointQueryResult found{};
  check_cuda(
      cudaGetDriverEntryPointByVersion("cuMemGetAddressRange", &function, CUDART_VERSION, cudaEnableDefault, &found),
      "cudaGetDriverEntryPointByVersion");
  if (function == nullptr || found != cudaDriverEntryPointSuccess)
    fail(Code::internal, "cuda: the driver has no cuMemGetAddressRange");
  return reinterpret_cast<AddressRange>(function);
}

class CudaImport final : public ImportedMemory {
 public:
  CudaImport(std::span<const std::byte> handle, int device) : device_(device) {
    cudaIpcMemHandle_t opened{};
    static_assert(sizeof opened == cuda_handle_bytes);
    std::memcpy(&opened, handle.data(), sizeof opened);
    check_cuda(cudaSetDevice(device), "cudaSetDevice");
    if (const cudaError_t status = cudaIpcOpenMemHandle(&memory_, opened, cudaIpcMemLazyEnablePeerAccess);
        status != cudaSuccess) {
      cudaGetLastError();
      fail(Code::invalid_argument, "cuda: cudaIpcOpenMemHandle: ", cudaGetErrorString(status));
    }
    try {
      byte_size_ = size_from(memory_);
    } catch (...) {
      cudaIpcCloseMemHandle(memory_);
      throw;
    }
  }
  ~CudaImport() override {
    cudaSetDevice(device_);
    cudaIpcCloseMemHandle(memory_);
  }

  std::uint64_t byte_size() const override { return byte_size_; }
  void read(std::uint64_t offset, std::span<std::byte> target) const override {
    copy(target.data(), static_cast<const std::byte*>(memory_) + offset, target.size(), cudaMemcpyDeviceToHost);
  }
  void write(std::uint64_t offset, std::span<const std::byte> bytes) const override {
    copy(static_cast<std::byte*>(memory_) + offset, bytes.data(), bytes.size(), cudaMemcpyHostToDevice);
  }

 private:
  static std::uint64_t size_from(void* memory) {
    static const AddressRange range_of = address_range_function();
    const auto pointer = reinterpret_cast<CUdeviceptr>(memory);
    CUdeviceptr base = 0;
    std::size_t size = 0;
    if (range_of(&base, &size, pointer) != CUDA_SUCCESS)
      fail(Code::invalid_argument, "cuda: the handle is of no memory that cudaMalloc gave");
    return base + size - pointer;
  }

  // In the calling thread's own stream, so that requests do not wait for each other.
  void copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind direction) const {
    check_cuda(cudaSetDevice(device_), "cudaSetDevice");
    check_cuda(cudaMemcpyAsync(to, from, bytes, direction, cudaStreamPerThread), "cudaMemcpyAsync");
    check_cuda(cudaStreamSynchronize(cudaStreamPerThread), "cudaStreamSynchronize");
  }

  const int device_;
  void* memory_ = nullptr;
  std::uint64_t byte_size_ = 0;
};

}  // namespace

std::shared_ptr<const ImportedMemory> import_cuda_memory(std::span<const std::byte> handle, int device) {
  std::string why;
  const int devices = cuda_device_count(&why);
  if (devices == 0) fail(Code::failed_precondition, why);
  if (device < 0 || device >= devices)
    fail(Code::invalid_argument, "device_id: ", device, ", there are ", devices, " CUDA devices");
  if (handle.size() != cuda_handle_bytes)
    fail(Code::invalid_argument, "raw_handle: ", handle.size(), " bytes, ", cuda_handle_bytes, " expected");
  return std::make_shared<const CudaImport>(handle, device);
}

}  // namespace voxd
