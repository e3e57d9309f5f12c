#include "gpu_transforms/memory_pool.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "gpu_transforms/asan.h"
#include "gpu_transforms/transfer.h"
#include "gpu_transforms/volume/error.h"

namespace voxd {
namespace {

constexpr unsigned char kPoison = 0xFF;  // NaN in every float type
constexpr std::size_t kAlignment = 64;
constexpr std::size_t kLargest = std::size_t{1} << 47;  // the address space: nothing larger can be had

/// What is allocated for `bytes`: eight sizes per power of two, so that blocks of about the same size serve each other.
std::size_t block_size(std::size_t bytes) {
  if (bytes == 0) return kAlignment;
  const std::size_t step = std::max(std::bit_floor(bytes) / 8, kAlignment);
  return (bytes + step - 1) / step * step;
}

}  // namespace

/// Shelves of free blocks by size, and the accounts. Safe from any thread. Lives until the last block is back.
class MemoryPool::Impl {
 public:
  Impl(DeviceAllocator allocator, Options options) : allocator_(allocator), options_(options) {}
  ~Impl() { trim(); }

  void* take(std::size_t bytes, Stream* stream);
  void give_back(void* block, std::size_t bytes, void* native_stream) noexcept;
  void trim();

  bool keeps_blocks() const { return !allocator_.caches; }
  bool poisons() const { return options_.poison; }
  PoolStatistics statistics() const {
    const std::lock_guard lock(mutex_);
    return statistics_;
  }

 private:
  void* reserve(std::size_t asked, std::size_t size);
  void* fresh(std::size_t asked, std::size_t size, void* native_stream);
  void* try_fresh(std::size_t size, void* native_stream);
  bool fits(std::size_t size) const;
  void drop(void* block, std::size_t size);

  const DeviceAllocator allocator_;
  const Options options_;
  mutable std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> shelves_;  // by block size; guarded by mutex_
  PoolStatistics statistics_;                          // guarded by mutex_
};

void* MemoryPool::Impl::take(std::size_t bytes, Stream* stream) {
  if (bytes > kLargest) fail(Code::resource_exhausted, "memory: ", bytes, " bytes asked for, more than a machine has");
  const std::size_t size = block_size(bytes);
  void* native_stream = stream != nullptr ? stream->native_handle() : nullptr;
  void* block = reserve(bytes, size);
  if (block == nullptr) {
    block = fresh(bytes, size, native_stream);
    if (options_.poison && keeps_blocks()) std::memset(block, kPoison, size);
  }
  if (keeps_blocks()) asan_open(block, bytes, size);
  return block;
}

/// Counts the block as in use. Returns one from the shelf, or null: then the caller has the right to a fresh one.
void* MemoryPool::Impl::reserve(std::size_t asked, std::size_t size) {
  const std::lock_guard lock(mutex_);
  void* block = nullptr;
  if (auto shelf = shelves_.find(size); shelf != shelves_.end() && !shelf->second.empty()) {
    block = shelf->second.back();
    shelf->second.pop_back();
    statistics_.bytes_cached -= static_cast<std::int64_t>(size);
  } else {
    for (auto large = shelves_.rbegin(); !fits(size) && large != shelves_.rend(); ++large)
      for (; !fits(size) && !large->second.empty(); large->second.pop_back()) drop(large->second.back(), large->first);
    if (!fits(size))
      fail(Code::resource_exhausted, "memory: ", asked, " bytes asked for with ", statistics_.bytes_in_use,
           " in use, at most ", options_.limit_bytes, " in all");
  }
  statistics_.bytes_in_use += static_cast<std::int64_t>(size);
  statistics_.peak_bytes_in_use = std::max(statistics_.peak_bytes_in_use, statistics_.bytes_in_use);
  return block;
}

bool MemoryPool::Impl::fits(std::size_t size) const {
  const std::int64_t held = statistics_.bytes_in_use + statistics_.bytes_cached;
  return options_.limit_bytes == 0 || static_cast<std::int64_t>(size) <= options_.limit_bytes - held;
}

void* MemoryPool::Impl::fresh(std::size_t asked, std::size_t size, void* native_stream) {
  void* block = try_fresh(size, native_stream);
  if (block == nullptr) {
    trim();
    block = try_fresh(size, native_stream);
  }
  const std::lock_guard lock(mutex_);
  if (block == nullptr) {
    statistics_.bytes_in_use -= static_cast<std::int64_t>(size);
    fail(Code::resource_exhausted, "memory: ", asked, " bytes asked for with ", statistics_.bytes_in_use,
         " in use, and the system has none left");
  }
  ++statistics_.fresh_allocations;
  return block;
}

void* MemoryPool::Impl::try_fresh(std::size_t size, void* native_stream) {
  try {
    return allocator_.allocate(size, native_stream);
  } catch (const std::exception&) {
    return nullptr;
  }
}

void MemoryPool::Impl::give_back(void* block, std::size_t bytes, void* native_stream) noexcept {
  const std::size_t size = block_size(bytes);
  if (keeps_blocks()) {
    if (options_.poison) {
      asan_open(block, size, size);
      std::memset(block, kPoison, size);
    }
    asan_close(block, size);
  } else {
    allocator_.release(block, size, native_stream);
  }
  const std::lock_guard lock(mutex_);
  statistics_.bytes_in_use -= static_cast<std::int64_t>(size);
  if (!keeps_blocks()) return;
  statistics_.bytes_cached += static_cast<std::int64_t>(size);
  try {
    shelves_[size].push_back(block);
  } catch (const std::bad_alloc&) {
    drop(block, size);
  }
}

void MemoryPool::Impl::drop(void* block, std::size_t size) {
  asan_open(block, size, size);
  allocator_.release(block, size, nullptr);
  statistics_.bytes_cached -= static_cast<std::int64_t>(size);
}

void MemoryPool::Impl::trim() {
  const std::lock_guard lock(mutex_);
  for (auto& [size, shelf] : shelves_)
    for (; !shelf.empty(); shelf.pop_back()) drop(shelf.back(), size);
}

MemoryPool::MemoryPool(DeviceAllocator allocator, Options options) {
  if (allocator.allocate == nullptr || allocator.release == nullptr) fail(Code::internal, "memory pool: no allocator");
  if (options.limit_bytes < 0)
    fail(Code::invalid_argument, "memory limit: ", options.limit_bytes, " bytes, must be 0 (none) or more");
  impl_ = std::make_shared<Impl>(allocator, options);
}

MemoryPool::~MemoryPool() = default;

void* MemoryPool::allocate(std::size_t bytes, Stream& stream) {
  void* block = impl_->take(bytes, &stream);
  if (stream.is_cuda() && impl_->poisons()) fill_bytes(block, kPoison, bytes, stream);
  return block;
}

void MemoryPool::release(void* block, std::size_t bytes, Stream& stream) noexcept {
  if (!impl_->keeps_blocks()) return impl_->give_back(block, bytes, stream.native_handle());
  try {
    stream.enqueue([impl = impl_, block, bytes] { impl->give_back(block, bytes, nullptr); });
  } catch (...) {
    // The queue could not take it. Lost is better than handed out while work still uses it.
  }
}

HostBuffer MemoryPool::allocate_host_buffer(std::size_t bytes) {
  if (!impl_->keeps_blocks()) fail(Code::failed_precondition, "memory pool: a device's, has no host memory");
  auto* block = static_cast<std::byte*>(impl_->take(bytes, nullptr));
  return HostBuffer(block, bytes, [impl = impl_, bytes](std::byte* p) { impl->give_back(p, bytes, nullptr); });
}

void MemoryPool::trim() { impl_->trim(); }

PoolStatistics MemoryPool::statistics() const { return impl_->statistics(); }

}  // namespace voxd
