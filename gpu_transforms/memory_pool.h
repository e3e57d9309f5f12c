#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "gpu_transforms/stream.h"
#include "gpu_transforms/volume/host_volume.h"

namespace voxd {

/// Where a pool's fresh blocks come from. On CUDA the two functions are libtorch's caching allocator or
/// cudaMallocAsync; on the CPU huge-page-advised pages.
struct DeviceAllocator {
  void* (*allocate)(std::size_t bytes, void* native_stream) = nullptr;  ///< null or throws when there is none left
  void (*release)(void* block, std::size_t bytes, void* native_stream) = nullptr;
  /// True: the allocator keeps freed blocks itself and hands them out again in stream order, as both of CUDA's do. The
  /// pool then counts and limits only, because a second cache in front would hoard what the other one needs.
  bool caches = false;
};

struct PoolStatistics {
  std::int64_t bytes_in_use = 0;
  std::int64_t peak_bytes_in_use = 0;
  std::int64_t bytes_cached = 0;       ///< held for reuse, not in use
  std::int64_t fresh_allocations = 0;  ///< how often the system had to be asked
};

/// Recycles blocks of one device, because a fresh page costs several times what filling it costs. Blocks are 2 MiB
/// aligned (64 bytes when small), in size classes at most 1/8 (small ones: 63 bytes) above what was asked. Freed in
/// stream order: a block given back on a stream is handed out again after the work queued before. Safe from any thread.
/// Must outlive its blocks.
class MemoryPool {
 public:
  struct Options {
    std::int64_t limit_bytes =
        0;  ///< in use and cached together; 0: no limit. Cached blocks are given up before an allocation fails.
    bool poison = false;  ///< tests: fresh blocks hold NaN patterns; freed ones are filled again, and poisoned under
                          ///< AddressSanitizer
  };

  explicit MemoryPool(DeviceAllocator allocator, Options options);
  ~MemoryPool();
  MemoryPool(const MemoryPool&) = delete;

  /// Uninitialised bytes; no bytes give a pointer as well. Throws Error{resource_exhausted} past the limit or when the
  /// system has none.
  void* allocate(std::size_t bytes, Stream& stream);
  /// Enqueues the return of the block behind the work that the stream holds. `bytes` as asked for.
  void release(void* block, std::size_t bytes, Stream& stream) noexcept;

  /// Host memory from the same shelves, for staging: returned at once when the buffer dies.
  /// Throws as allocate does, and Error{failed_precondition} where the allocator caches (its memory is a device's).
  HostBuffer allocate_host_buffer(std::size_t bytes);

  /// Gives cached blocks back to the system.
  void trim();
  PoolStatistics statistics() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

/// Anonymous pages, huge-page advised.
DeviceAllocator cpu_allocator();
/// cudaMallocAsync on the stream; only in a CUDA build, else Error{failed_precondition}.
DeviceAllocator cuda_async_allocator();

}  // namespace voxd
