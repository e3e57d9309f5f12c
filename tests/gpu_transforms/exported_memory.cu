#include "tests/gpu_transforms/exported_memory.h"

#include <cstring>

#include "gpu_transforms/cuda_check.h"

namespace voxd::test {

ExportedMemory::ExportedMemory(std::span<const std::byte> contents) : size_(contents.size()) {
  check_cuda(cudaSetDevice(0), "cudaSetDevice");
  check_cuda(cudaMalloc(&memory_, size_), "cudaMalloc");
  check_cuda(cudaMemcpy(memory_, contents.data(), size_, cudaMemcpyHostToDevice), "cudaMemcpy");
}

ExportedMemory::~ExportedMemory() { cudaFree(memory_); }

std::vector<std::byte> ExportedMemory::handle() const {
  cudaIpcMemHandle_t handle{};
  check_cuda(cudaIpcGetMemHandle(&handle, memory_), "cudaIpcGetMemHandle");
  std::vector<std::byte> bytes(sizeof handle);
  std::memcpy(bytes.data(), &handle, sizeof handle);
  return bytes;
}

std::vector<std::byte> ExportedMemory::contents() const {
  std::vector<std::byte> bytes(size_);
  check_cuda(cudaMemcpy(bytes.data(), memory_, size_, cudaMemcpyDeviceToHost), "cudaMemcpy");
  return bytes;
}

}  // namespace voxd::test
