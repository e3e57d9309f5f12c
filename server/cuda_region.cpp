#include "server/cuda_region.h"

#include <limits>

#include "gpu_transforms/volume/error.h"
#include "server/printable.h"

namespace voxd {

CudaRegion::CudaRegion(RegionDescription its_description, std::shared_ptr<const ImportedMemory> memory)
    : SharedRegion(std::move(its_description)), memory_(std::move(memory)) {
  if (description().byte_size > memory_->byte_size())
    fail(Code::invalid_argument, "Invalid byte size of shared memory region: '", printable(description().name),
         "': ", description().byte_size, " bytes, of an allocation that has ", memory_->byte_size());
}

void CudaRegion::read(std::uint64_t offset, std::span<std::byte> target) const {
  check_range(offset, target.size());
  memory_->read(offset, target);
}

void CudaRegion::write(std::uint64_t offset, std::span<const std::byte> bytes) const {
  check_range(offset, bytes.size());
  memory_->write(offset, bytes);
}

SharedRegion::Object CudaRegion::object() const {
  return {SharedMemoryKind::cuda, static_cast<std::uint64_t>(description().device),
          reinterpret_cast<std::uintptr_t>(memory_.get())};
}

std::shared_ptr<const ImportedMemory> CudaImports::open(const RegionDescription& region) {
  if (region.device < 0 || region.device > std::numeric_limits<int>::max())
    fail(Code::invalid_argument, "device_id: ", region.device, ", there is no such CUDA device");
  if (region.raw_handle.size() != cuda_handle_bytes)
    fail(Code::invalid_argument, "raw_handle: ", region.raw_handle.size(), " bytes, ", cuda_handle_bytes, " expected");
  std::erase_if(open_, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<const ImportedMemory>& known = open_[{region.device, region.raw_handle}];
  if (auto memory = known.lock()) return memory;
  const auto memory = import_(std::as_bytes(std::span(region.raw_handle)), static_cast<int>(region.device));
  known = memory;
  return memory;
}

}  // namespace voxd
