#include "gpu_transforms/stream_pool.h"

#include <atomic>
#include <map>
#include <stdexcept>
#include <thread>
#include <vector>

#include "gpu_transforms/volume/error.h"
#include "tests/gpu_transforms/streams.h"
#include "tests/support/catch.h"

namespace stream_pool_test {

using namespace voxd;
using namespace voxd::test;

TEST_CASE("a lease takes a stream out of the pool and its end puts it back", "[stream_pool]") {
  StreamPool pool(2, [] { return make_cpu_stream(Backend::serial); });
  REQUIRE(pool.idle() == 2);
  {
    const StreamPool::Lease first = pool.lease();
    const StreamPool::Lease second = pool.lease();
    REQUIRE(&*first != &*second);
    REQUIRE(pool.idle() == 0);
  }
  REQUIRE(pool.idle() == 2);
}

TEST_CASE("a moved lease gives its stream back once", "[stream_pool]") {
  StreamPool pool(1, [] { return make_cpu_stream(Backend::serial); });
  {
    StreamPool::Lease lease = pool.lease();
    const StreamPool::Lease moved = std::move(lease);
    REQUIRE(pool.idle() == 0);
    REQUIRE(moved->backend() == Backend::serial);
  }
  REQUIRE(pool.idle() == 1);
}

TEST_CASE("a stream comes back idle: its work has run and its failure is gone", "[stream_pool]") {
  const auto kind = GENERATE(from_range(all_streams()));
  CAPTURE(kind);
  StreamPool pool(1, kind.make);
  std::atomic<bool> ran = false;
  {
    const StreamPool::Lease lease = pool.lease();
    lease->enqueue([] { throw std::runtime_error("not the next holder's fault"); });
    lease->enqueue([&] { ran = true; });
  }
  REQUIRE(ran);
  REQUIRE_NOTHROW(pool.lease()->synchronize());
}

TEST_CASE("a lease waits until a stream is given back", "[stream_pool][threads]") {
  StreamPool pool(1, [] { return make_cpu_stream(Backend::serial); });
  std::atomic<bool> given_back = false;
  bool early = true;
  auto lease = std::make_unique<StreamPool::Lease>(pool.lease());
  {
    std::jthread waiting([&] {
      const StreamPool::Lease mine = pool.lease();
      early = !given_back;
    });
    given_back = true;
    lease.reset();
  }
  REQUIRE_FALSE(early);
}

TEST_CASE("waiting for a stream ends when it is no longer wanted", "[stream_pool][threads]") {
  StreamPool pool(1, [] { return make_cpu_stream(Backend::serial); });
  const StreamPool::Lease lease = pool.lease();
  std::stop_source stop;
  const std::jthread giving_up([&] { stop.request_stop(); });
  try {
    const StreamPool::Lease second = pool.lease(stop.get_token());
    FAIL("leased one stream twice");
  } catch (const Error& error) {
    REQUIRE(error.code() == Code::cancelled);
  }
}

TEST_CASE("no two holders have a stream at the same time", "[stream_pool][threads]") {
  constexpr int kStreams = 3, kThreads = 8, kRounds = 300;
  StreamPool pool(kStreams, [] { return make_cpu_stream(Backend::serial); });
  std::map<Stream*, int> uses;  // not guarded beyond the lease: each stream's counter belongs to its holder
  {
    std::vector<StreamPool::Lease> all;
    for (int i = 0; i < kStreams; ++i) all.push_back(pool.lease());
    for (const StreamPool::Lease& lease : all) uses[&*lease] = 0;
  }
  REQUIRE(uses.size() == kStreams);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i)
      threads.emplace_back([&] {
        for (int round = 0; round < kRounds; ++round) {
          const StreamPool::Lease lease = pool.lease();
          ++uses.at(&*lease);
        }
      });
  }
  int total = 0;
  for (const auto& [stream, count] : uses) total += count;
  REQUIRE(total == kThreads * kRounds);
  REQUIRE(pool.idle() == kStreams);
}

TEST_CASE("a pool without streams is refused", "[stream_pool]") {
  REQUIRE_THROWS_WITH(StreamPool(0, [] { return make_cpu_stream(); }), Catch::Contains("streams: 0"));
}

}  // namespace stream_pool_test
