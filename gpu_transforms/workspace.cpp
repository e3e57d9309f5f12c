#include "gpu_transforms/workspace.h"

#include <algorithm>

#include "gpu_transforms/volume/error.h"

namespace voxd {

Workspace::Workspace(Stream& stream, MemoryPool& pool, std::int64_t budget_bytes)
    : stream_(stream), pool_(pool), budget_bytes_(budget_bytes) {
  if (budget_bytes < 0)
    fail(Code::invalid_argument, "memory budget: ", budget_bytes, " bytes, must be 0 (none) or more");
}

std::shared_ptr<std::byte> Workspace::allocate(std::size_t bytes) {
  const std::int64_t left = (budget_bytes_ > 0 ? budget_bytes_ : INT64_MAX) - bytes_in_use_;
  if (bytes > static_cast<std::uint64_t>(left))
    fail(Code::resource_exhausted, "memory budget: the job asks for ", bytes, " bytes with ", bytes_in_use_,
         " in use, at most ", bytes_in_use_ + left, " in all");
  auto* block = static_cast<std::byte*>(pool_.allocate(bytes, stream_));
  bytes_in_use_ += static_cast<std::int64_t>(bytes);
  peak_bytes_ = std::max(peak_bytes_, bytes_in_use_);
  // Should the pointer's own bookkeeping find no memory, it calls the deleter before it throws.
  return {block, [this, bytes](std::byte* p) {
            bytes_in_use_ -= static_cast<std::int64_t>(bytes);
            pool_.release(p, bytes, stream_);
          }};
}

}  // namespace voxd
