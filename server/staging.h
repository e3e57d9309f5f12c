#pragma once

#include <memory>

#include "gpu_transforms/memory_pool.h"

namespace voxd {

/// Host memory of the server, recycled through the pool: uploads, decoded images and results. Its buffers keep the pool
/// alive, because the last of a reply's bytes may leave the transport after everything else is gone. The allocator is
/// safe from any thread.
HostAllocator make_staging(std::shared_ptr<MemoryPool> pool);

}  // namespace voxd
