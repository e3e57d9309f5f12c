#include <cstring>
#include <exception>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "gpu_transforms/memory_pool.h"
#include "tests/support/catch.h"

namespace memory_pool_threads_test {

using namespace voxd;

TEST_CASE("threads never share a block, and all of them come back", "[memory_pool][threads]") {
  MemoryPool pool(cpu_allocator(), {.limit_bytes = 64 << 20});
  const auto hammer = [&pool](unsigned seed) {
    std::mt19937 random(seed);
    const auto stream = make_cpu_stream(Backend::serial);
    struct Held {
      unsigned char* block;
      std::size_t bytes;
      unsigned char mark;
    };
    std::vector<Held> held;
    const auto give_back = [&](const Held& one) {
      // Thrown, not REQUIREd: Catch's assertions are for one thread.
      if (one.block[0] != one.mark || one.block[one.bytes - 1] != one.mark) throw std::logic_error("block shared");
      pool.release(one.block, one.bytes, *stream);
    };
    for (int step = 0; step < 2000; ++step) {
      if (held.size() < 6 && random() % 3 != 0) {
        const std::size_t bytes = 1 + random() % 20000;
        const auto mark = static_cast<unsigned char>(random());
        auto* block = static_cast<unsigned char*>(pool.allocate(bytes, *stream));
        std::memset(block, mark, bytes);
        held.push_back({block, bytes, mark});
      } else if (!held.empty()) {
        std::swap(held[random() % held.size()], held.back());
        give_back(held.back());
        held.pop_back();
      }
      if (step % 500 == 0) pool.trim();
    }
    for (const Held& one : held) give_back(one);
  };
  std::vector<std::exception_ptr> failures(4);
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < 4; ++i)
      threads.emplace_back([&, i] {
        try {
          hammer(i);
        } catch (...) {
          failures[i] = std::current_exception();
        }
      });
  }
  for (const std::exception_ptr& failure : failures) REQUIRE(failure == nullptr);
  REQUIRE(pool.statistics().bytes_in_use == 0);
}

}  // namespace memory_pool_threads_test
