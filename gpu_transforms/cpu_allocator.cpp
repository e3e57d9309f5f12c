#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>

#include "gpu_transforms/memory_pool.h"

namespace voxd {
namespace {

constexpr std::size_t kHugePage = std::size_t{2} << 20;
constexpr std::size_t kSmallAlignment = 64;

/// Pages that start on a huge page, so that the kernel can back them with such.
void* map_pages(std::size_t bytes) {
  const std::size_t reserved = bytes + kHugePage;
  void* mapped = mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped == MAP_FAILED) return nullptr;
  const auto start = reinterpret_cast<std::uintptr_t>(mapped);
  const std::uintptr_t aligned = (start + kHugePage - 1) / kHugePage * kHugePage;
  if (aligned > start) munmap(mapped, aligned - start);
  munmap(reinterpret_cast<void*>(aligned + bytes), start + reserved - (aligned + bytes));
  void* block = reinterpret_cast<void*>(aligned);
  madvise(block, bytes, MADV_HUGEPAGE);  // advice: where the kernel has none to give, ordinary pages do
  return block;
}

void* allocate(std::size_t bytes, void*) {
  return bytes >= kHugePage ? map_pages(bytes) : std::aligned_alloc(kSmallAlignment, bytes);
}

void release(void* block, std::size_t bytes, void*) {
  if (bytes >= kHugePage) {
    munmap(block, bytes);
  } else {
    std::free(block);
  }
}

}  // namespace

DeviceAllocator cpu_allocator() { return {allocate, release, false}; }

}  // namespace voxd
