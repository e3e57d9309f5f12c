#include "server/staging.h"

#include "tests/support/catch.h"

namespace staging_test {

using namespace voxd;

TEST_CASE("a staging buffer goes back to the pool's shelves and is handed out again") {
  const auto pool = std::make_shared<MemoryPool>(cpu_allocator(), MemoryPool::Options{});
  const HostAllocator staging = make_staging(pool);
  constexpr std::size_t bytes = std::size_t{4} << 20;
  const std::byte* first = nullptr;
  {
    const HostBuffer buffer = staging(bytes);
    CHECK(buffer.size() == bytes);
    first = buffer.data();
    CHECK(pool->statistics().bytes_in_use >= static_cast<std::int64_t>(bytes));
  }
  CHECK(pool->statistics().bytes_in_use == 0);
  CHECK(staging(bytes).data() == first);
  CHECK(pool->statistics().fresh_allocations == 1);
}

TEST_CASE("a staging buffer outlives whoever made the pool") {
  auto pool = std::make_shared<MemoryPool>(cpu_allocator(), MemoryPool::Options{});
  HostBuffer buffer = make_staging(pool)(1000);
  pool.reset();
  buffer.data()[999] = std::byte{1};
  CHECK(buffer.data()[999] == std::byte{1});
}

}  // namespace staging_test
