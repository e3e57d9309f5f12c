#include <cmath>

#include "gpu_transforms/memory_pool.h"
#include "tests/support/catch.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace memory_pool_poison_test {

using namespace voxd;

TEST_CASE("with poison, fresh and recycled memory holds NaN", "[memory_pool][poison]") {
  const auto stream = make_cpu_stream(Backend::serial);
  MemoryPool pool(cpu_allocator(), {.limit_bytes = 0, .poison = true});
  for (int round = 0; round < 2; ++round) {
    auto* values = static_cast<float*>(pool.allocate(100 * sizeof(float), *stream));
    for (int i = 0; i < 100; ++i) REQUIRE(std::isnan(values[i]));
    for (int i = 0; i < 100; ++i) values[i] = 1;
    pool.release(values, 100 * sizeof(float), *stream);
  }
  REQUIRE(pool.statistics().fresh_allocations == 1);
}

TEST_CASE("with poison, a block is spoiled when the stream comes to its release, not earlier",
          "[memory_pool][poison]") {
  const auto stream = make_deferred_stream();
  MemoryPool pool(cpu_allocator(), {.limit_bytes = 0, .poison = true});
  auto* value = static_cast<float*>(pool.allocate(sizeof(float), *stream));
  *value = 3;
  pool.release(value, sizeof(float), *stream);
  REQUIRE(*value == 3);
  stream->synchronize();
#if defined(__SANITIZE_ADDRESS__)
  REQUIRE(__asan_address_is_poisoned(value));
#else
  REQUIRE(std::isnan(*value));
#endif
}

#if defined(__SANITIZE_ADDRESS__)
TEST_CASE("AddressSanitizer knows where a recycled block ends", "[memory_pool][poison]") {
  const auto stream = make_cpu_stream(Backend::serial);
  MemoryPool pool(cpu_allocator(), {});
  constexpr std::size_t kAsked = (5 << 20) - 8;
  for (int round = 0; round < 2; ++round) {
    auto* block = static_cast<char*>(pool.allocate(kAsked, *stream));
    REQUIRE_FALSE(__asan_address_is_poisoned(block + kAsked - 1));
    REQUIRE(__asan_address_is_poisoned(block + kAsked));
    pool.release(block, kAsked, *stream);
    REQUIRE(__asan_address_is_poisoned(block));
  }
}
#endif

}  // namespace memory_pool_poison_test
