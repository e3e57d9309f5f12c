#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "gpu_transforms/imported_memory.h"
#include "server/shared_region.h"

namespace voxd {

/// Memory of a CUDA device that another process shares. Its bytes go by way of the host, as an image that is sent does.
/// What the owner writes to it meanwhile ends in other bytes; CUDA leaves undefined what comes of memory that its owner
/// frees before it is closed here. Safe from any thread.
class CudaRegion final : public SharedRegion {
 public:
  /// Throws Error{invalid_argument} if the memory does not reach to the region's end.
  CudaRegion(RegionDescription description, std::shared_ptr<const ImportedMemory> memory);

  void read(std::uint64_t offset, std::span<std::byte> target) const override;
  void prepare_to_write() const override {}
  void write(std::uint64_t offset, std::span<const std::byte> bytes) const override;
  Object object() const override;

 private:
  const std::shared_ptr<const ImportedMemory> memory_;
};

/// Opens each piece of memory once, however many regions are of it, and closes it with the last of them. Not
/// synchronised: its owner locks.
class CudaImports {
 public:
  using Import = std::function<std::shared_ptr<const ImportedMemory>(std::span<const std::byte> handle, int device)>;
  explicit CudaImports(Import import) : import_(std::move(import)) {}

  /// Throws Error{invalid_argument} for a device or handle that cannot be one, and what the import throws.
  std::shared_ptr<const ImportedMemory> open(const RegionDescription& region);

 private:
  const Import import_;
  std::map<std::pair<std::int64_t, std::string>, std::weak_ptr<const ImportedMemory>> open_;  // by device and handle
};

}  // namespace voxd
