#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace voxd {

/// Memory of a CUDA device that another process has allocated (cudaMalloc) and shares. Open for as long as this lives.
/// Safe from any thread.
class ImportedMemory {
 public:
  virtual ~ImportedMemory() = default;

  /// From where the handle points to the end of the allocation.
  virtual std::uint64_t byte_size() const = 0;
  /// Copies to and from the host, in no stream of voxd's; done on return. Throws Error{internal} saying what the driver
  /// said; the range must be inside byte_size().
  virtual void read(std::uint64_t offset, std::span<std::byte> target) const = 0;
  virtual void write(std::uint64_t offset, std::span<const std::byte> bytes) const = 0;
};

inline constexpr std::size_t cuda_handle_bytes = 64;  ///< of a cudaIpcMemHandle_t

/// Opens what a cudaIpcMemHandle_t stands for, of cuda_handle_bytes. Throws Error{invalid_argument} for a device that
/// is not there and for a handle that is none, or that is of this process; Error{failed_precondition} when this build or
/// this machine has no CUDA.
std::shared_ptr<const ImportedMemory> import_cuda_memory(std::span<const std::byte> handle, int device);

}  // namespace voxd
