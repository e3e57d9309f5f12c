#include "server/staging.h"

#include <utility>

namespace voxd {

HostAllocator make_staging(std::shared_ptr<MemoryPool> pool) {
  return [pool = std::move(pool)](std::size_t bytes) {
    auto block = std::make_shared<HostBuffer>(pool->allocate_host_buffer(bytes));
    std::byte* const data = block->data();
    return HostBuffer(data, bytes, [pool, block = std::move(block)](std::byte*) mutable { block.reset(); });
  };
}

}  // namespace voxd
