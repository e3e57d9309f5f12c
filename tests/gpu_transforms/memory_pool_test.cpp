#include "gpu_transforms/memory_pool.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>

#include "gpu_transforms/volume/error.h"
#include "tests/support/catch.h"

namespace memory_pool_test {

using namespace voxd;

namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20;

/// The system as a pool sees it, small and watched. One test at a time.
struct FakeSystem {
  static inline std::size_t capacity = SIZE_MAX;
  static inline std::size_t held = 0;
  static inline int refusals = 0;
  static inline void* last_stream = nullptr;

  FakeSystem() {
    capacity = SIZE_MAX;
    held = 0;
    refusals = 0;
    last_stream = nullptr;
  }

  static void* allocate(std::size_t bytes, void* native_stream) {
    last_stream = native_stream;
    if (bytes > capacity - held) {
      ++refusals;
      return nullptr;
    }
    held += bytes;
    return std::aligned_alloc(64, bytes);
  }
  static void release(void* block, std::size_t bytes, void* native_stream) {
    last_stream = native_stream;
    held -= bytes;
    std::free(block);
  }
  DeviceAllocator allocator(bool caches = false) const { return {allocate, release, caches}; }
};

/// A stream with a handle, as a device's has; it never runs anything.
class NativeStream : public Stream {
 public:
  NativeStream() : Stream(Backend::serial) {}
  void enqueue(std::function<void()>) override { FAIL("nothing may depend on host work of a device's stream"); }
  std::shared_ptr<Event> record() override { return nullptr; }
  void wait(const Event&) override {}
  void synchronize() override {}
  void* native_handle() const override { return const_cast<NativeStream*>(this); }
};

Error error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error;
  }
  FAIL("nothing was thrown");
  return Error(Code::internal, "");
}

}  // namespace

TEST_CASE("a block is at most an eighth larger than what was asked for", "[memory_pool]") {
  const auto stream = make_cpu_stream(Backend::serial);
  MemoryPool pool(FakeSystem().allocator(), {});
  for (std::size_t bytes = 1; bytes < 64 * kMiB; bytes += 1 + bytes / 7) {
    CAPTURE(bytes);
    void* block = pool.allocate(bytes, *stream);
    const auto size = static_cast<std::size_t>(pool.statistics().bytes_in_use);
    REQUIRE(size >= bytes);
    REQUIRE(size <= bytes + std::max<std::size_t>(bytes / 8, 63));
    pool.release(block, bytes, *stream);
    pool.trim();
  }
}

TEST_CASE("large blocks start on a huge page, small ones on a cache line", "[memory_pool]") {
  const auto stream = make_cpu_stream(Backend::serial);
  MemoryPool pool(cpu_allocator(), {});
  for (const std::size_t bytes : {std::size_t{1}, std::size_t{65}, kMiB, 2 * kMiB, 3 * kMiB + 1, 17 * kMiB + 5}) {
    CAPTURE(bytes);
    auto* block = static_cast<unsigned char*>(pool.allocate(bytes, *stream));
    REQUIRE(reinterpret_cast<std::uintptr_t>(block) % (bytes >= 2 * kMiB ? 2 * kMiB : 64) == 0);
    std::memset(block, 1, bytes);
    REQUIRE(block[bytes - 1] == 1);
    pool.release(block, bytes, *stream);
  }
}

TEST_CASE("a block that came back is handed out again instead of a fresh one", "[memory_pool]") {
  const auto stream = make_cpu_stream(Backend::serial);
  MemoryPool pool(cpu_allocator(), {});
  void* first = pool.allocate(5 * kMiB, *stream);
  pool.release(first, 5 * kMiB, *stream);
  REQUIRE(pool.statistics().bytes_in_use == 0);
  REQUIRE(pool.statistics().bytes_cached >= static_cast<std::int64_t>(5 * kMiB));
  void* second = pool.allocate(5 * kMiB - 100, *stream);  // the same size class
  REQUIRE(second == first);
  REQUIRE(pool.statistics().fresh_allocations == 1);
  REQUIRE(pool.statistics().bytes_cached == 0);
  pool.release(second, 5 * kMiB - 100, *stream);
}

TEST_CASE("a block given back on a deferred stream is not handed out before the work queued ahead of it has run",
          "[memory_pool]") {
  const auto stream = make_deferred_stream();
  MemoryPool pool(cpu_allocator(), {});
  auto* first = static_cast<int*>(pool.allocate(sizeof(int), *stream));
  int seen = 0;
  *first = 7;
  stream->enqueue([&, first] { seen = *first; });
  pool.release(first, sizeof(int), *stream);
  auto* second = static_cast<int*>(pool.allocate(sizeof(int), *stream));
  REQUIRE(second != first);
  *second = 8;
  stream->synchronize();
  REQUIRE(seen == 7);
  REQUIRE(pool.allocate(sizeof(int), *stream) == first);
  pool.release(first, sizeof(int), *stream);
  pool.release(second, sizeof(int), *stream);
}

TEST_CASE("the peak is the most that was in use at once", "[memory_pool]") {
  const auto stream = make_cpu_stream(Backend::serial);
  MemoryPool pool(FakeSystem().allocator(), {});
  void* a = pool.allocate(1024, *stream);
  void* b = pool.allocate(2048, *stream);
  pool.release(a, 1024, *stream);
  pool.release(b, 2048, *stream);
  pool.release(pool.allocate(512, *stream), 512, *stream);
  REQUIRE(pool.statistics().peak_bytes_in_use == 3072);
  REQUIRE(pool.statistics().bytes_in_use == 0);
}

TEST_CASE("past its limit the pool refuses and names what was asked, what is in use and the limit", "[memory_pool]") {
  const auto stream = make_cpu_stream(Backend::serial);
  MemoryPool pool(FakeSystem().allocator(), {.limit_bytes = 4096});
  void* held = pool.allocate(3072, *stream);
  const Error error = error_of([&] { pool.allocate(2000, *stream); });
  REQUIRE(error.code() == Code::resource_exhausted);
  REQUIRE_THAT(error.what(), Catch::Contains("2000") && Catch::Contains("3072") && Catch::Contains("4096"));
  void* exactly_the_rest = pool.allocate(1024, *stream);
  REQUIRE(pool.statistics().bytes_in_use == 4096);
  pool.release(held, 3072, *stream);
  pool.release(exactly_the_rest, 1024, *stream);
}

TEST_CASE("cached blocks are given up before the limit refuses anybody", "[memory_pool]") {
  FakeSystem system;
  const auto stream = make_cpu_stream(Backend::serial);
  MemoryPool pool(system.allocator(), {.limit_bytes = 4096});
  pool.release(pool.allocate(1024, *stream), 1024, *stream);
  pool.release(pool.allocate(2048, *stream), 2048, *stream);
  REQUIRE(pool.statistics().bytes_cached == 3072);
  void* block = pool.allocate(3584, *stream);
  REQUIRE(pool.statistics().bytes_in_use + pool.statistics().bytes_cached <= 4096);
  REQUIRE(FakeSystem::held <= 4096);
  pool.release(block, 3584, *stream);
}

TEST_CASE("a system that has none left is asked again after the cached blocks went back", "[memory_pool]") {
  FakeSystem system;
  const auto stream = make_cpu_stream(Backend::serial);
  MemoryPool pool(system.allocator(), {});
  FakeSystem::capacity = 4096;
  pool.release(pool.allocate(2048, *stream), 2048, *stream);
  void* block = pool.allocate(4096, *stream);
  REQUIRE(FakeSystem::refusals == 1);
  const Error error = error_of([&] { pool.allocate(64, *stream); });
  REQUIRE(error.code() == Code::resource_exhausted);
  REQUIRE_THAT(error.what(), Catch::Contains("64 bytes") && Catch::Contains("4096"));
  REQUIRE(pool.statistics().bytes_in_use == 4096);
  pool.release(block, 4096, *stream);
}

TEST_CASE("an absurd size is refused before anybody is asked for it", "[memory_pool]") {
  const auto stream = make_cpu_stream(Backend::serial);
  MemoryPool pool(cpu_allocator(), {});
  for (const std::size_t bytes : {SIZE_MAX, SIZE_MAX / 2, (std::size_t{1} << 47) + 1})
    REQUIRE(error_of([&] { pool.allocate(bytes, *stream); }).code() == Code::resource_exhausted);
  REQUIRE(pool.statistics().bytes_in_use == 0);
}

TEST_CASE("no bytes give a pointer that can be given back", "[memory_pool]") {
  const auto stream = make_cpu_stream(Backend::serial);
  MemoryPool pool(cpu_allocator(), {});
  void* block = pool.allocate(0, *stream);
  REQUIRE(block != nullptr);
  pool.release(block, 0, *stream);
  REQUIRE(pool.statistics().bytes_in_use == 0);
}

TEST_CASE("trim and the pool's end give every cached block back to the system", "[memory_pool]") {
  FakeSystem system;
  const auto stream = make_cpu_stream(Backend::serial);
  {
    MemoryPool pool(system.allocator(), {});
    for (const std::size_t bytes : {100, 5000, 70000}) pool.release(pool.allocate(bytes, *stream), bytes, *stream);
    REQUIRE(FakeSystem::held > 75000);
    pool.trim();
    REQUIRE(FakeSystem::held == 0);
    REQUIRE(pool.statistics().bytes_cached == 0);
    pool.release(pool.allocate(100, *stream), 100, *stream);
  }
  REQUIRE(FakeSystem::held == 0);
}

TEST_CASE("an allocator that caches gets every block back at once, with the stream whose order counts",
          "[memory_pool]") {
  FakeSystem system;
  NativeStream stream;
  MemoryPool pool(system.allocator(true), {});
  void* block = pool.allocate(1000, stream);
  REQUIRE(FakeSystem::last_stream == stream.native_handle());
  FakeSystem::last_stream = nullptr;
  pool.release(block, 1000, stream);
  REQUIRE(FakeSystem::last_stream == stream.native_handle());
  REQUIRE(FakeSystem::held == 0);
  REQUIRE(pool.statistics().bytes_cached == 0);
  REQUIRE(pool.statistics().bytes_in_use == 0);
  REQUIRE(error_of([&] { pool.allocate_host_buffer(10); }).code() == Code::failed_precondition);
}

TEST_CASE("host buffers come from the same shelves and go back when they die", "[memory_pool]") {
  FakeSystem system;
  const auto stream = make_cpu_stream(Backend::serial);
  HostBuffer outlives_the_pool;
  {
    MemoryPool pool(system.allocator(), {});
    void* block = pool.allocate(1000, *stream);
    pool.release(block, 1000, *stream);
    HostBuffer buffer = pool.allocate_host_buffer(1000);
    REQUIRE(buffer.data() == block);
    REQUIRE(buffer.size() == 1000);
    outlives_the_pool = std::move(buffer);
  }
  std::memset(outlives_the_pool.data(), 1, 1000);
  outlives_the_pool = HostBuffer();
  REQUIRE(FakeSystem::held == 0);
}

TEST_CASE("a pool needs an allocator and a limit that makes sense", "[memory_pool]") {
  REQUIRE_THROWS_AS(MemoryPool(DeviceAllocator{}, {}), Error);
  REQUIRE_THROWS_WITH(MemoryPool(cpu_allocator(), {.limit_bytes = -1}), Catch::Contains("memory limit: -1"));
}

TEST_CASE("without a CUDA device its allocator is refused", "[memory_pool]") {
  if (cuda_device_count() == 0) REQUIRE(error_of([] { cuda_async_allocator(); }).code() == Code::failed_precondition);
}

}  // namespace memory_pool_test
