#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace voxd::test {

/// Memory of CUDA device 0 that another process may open. Used by one thread.
class ExportedMemory {
 public:
  explicit ExportedMemory(std::span<const std::byte> contents);
  ~ExportedMemory();
  ExportedMemory(const ExportedMemory&) = delete;
  ExportedMemory& operator=(const ExportedMemory&) = delete;

  /// A cudaIpcMemHandle_t.
  std::vector<std::byte> handle() const;
  std::vector<std::byte> contents() const;

 private:
  const std::size_t size_;
  void* memory_ = nullptr;
};

}  // namespace voxd::test
