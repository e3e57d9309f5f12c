#pragma once

#include <cstddef>

// AddressSanitizer's view of recycled memory; nothing in other builds.
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace voxd {

/// Of a block of `size` bytes the first `bytes` may be touched, the rest may not.
inline void asan_open([[maybe_unused]] void* block, [[maybe_unused]] std::size_t bytes,
                      [[maybe_unused]] std::size_t size) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_poison_memory_region(block, size);
  __asan_unpoison_memory_region(block, bytes);
#endif
}

/// Nothing of the block may be touched.
inline void asan_close([[maybe_unused]] void* block, [[maybe_unused]] std::size_t size) {
#if defined(__SANITIZE_ADDRESS__)
  __asan_poison_memory_region(block, size);
#endif
}

}  // namespace voxd
