#include "gpu_transforms/stream.h"

#include <atomic>
#include <stdexcept>
#include <thread>
#include <vector>

#include "gpu_transforms/cpu_stream.h"
#include "gpu_transforms/volume/error.h"
#include "tests/gpu_transforms/streams.h"
#include "tests/support/catch.h"

namespace stream_test {

using namespace voxd;
using namespace voxd::test;

TEST_CASE("work runs in the order in which it was enqueued", "[stream]") {
  const auto kind = GENERATE(from_range(all_streams()));
  CAPTURE(kind);
  const auto stream = kind.make();
  std::vector<int> ran;
  for (int i = 0; i < 100; ++i) stream->enqueue([&ran, i] { ran.push_back(i); });
  stream->synchronize();
  REQUIRE(ran.size() == 100);
  for (int i = 0; i < 100; ++i) REQUIRE(ran[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("synchronize rethrows the first failure once, and the work behind it still ran", "[stream]") {
  const auto kind = GENERATE(from_range(all_streams()));
  CAPTURE(kind);
  const auto stream = kind.make();
  bool ran_behind = false;
  stream->enqueue([] { throw std::runtime_error("first"); });
  stream->enqueue([] { throw std::runtime_error("second"); });
  stream->enqueue([&] { ran_behind = true; });
  REQUIRE_THROWS_WITH(stream->synchronize(), "first");
  REQUIRE(ran_behind);
  REQUIRE_NOTHROW(stream->synchronize());
}

TEST_CASE("an event has passed once it was synchronized, though the work before it failed", "[stream]") {
  const auto kind = GENERATE(from_range(all_streams()));
  CAPTURE(kind);
  const auto stream = kind.make();
  stream->enqueue([] { throw std::runtime_error("lost"); });
  const auto event = stream->record();
  REQUIRE_NOTHROW(event->synchronize());
  REQUIRE(event->passed());
  REQUIRE_THROWS_WITH(stream->synchronize(), "lost");
}

TEST_CASE("work enqueued after wait sees what the other stream did before the event", "[stream]") {
  const auto kind = GENERATE(from_range(all_streams()));
  CAPTURE(kind);
  const auto first = kind.make();
  const auto second = kind.make();
  int value = 0;
  int seen = -1;
  first->enqueue([&] { value = 7; });
  second->wait(*first->record());
  second->enqueue([&] { seen = value; });
  second->synchronize();
  REQUIRE(seen == 7);
}

TEST_CASE("an immediate stream has run its work when enqueue returns", "[stream]") {
  const auto kind = GENERATE(from_range(immediate_streams()));
  CAPTURE(kind);
  const auto stream = kind.make();
  bool ran = false;
  stream->enqueue([&] { ran = true; });
  REQUIRE(ran);
  REQUIRE(stream->record()->passed());
}

TEST_CASE("a deferred stream runs nothing before somebody waits", "[stream]") {
  const auto kind = GENERATE(from_range(deferred_streams()));
  CAPTURE(kind);
  const auto stream = kind.make();
  bool ran = false;
  stream->enqueue([&] { ran = true; });
  const auto event = stream->record();
  REQUIRE_FALSE(ran);
  REQUIRE_FALSE(event->passed());
  SECTION("for the stream") { stream->synchronize(); }
  SECTION("for an event") { event->synchronize(); }
  REQUIRE(ran);
  REQUIRE(event->passed());
}

TEST_CASE("a deferred event runs the work up to its point and no more", "[stream]") {
  const auto stream = make_deferred_stream();
  int ran = 0;
  stream->enqueue([&] { ++ran; });
  const auto event = stream->record();
  stream->enqueue([&] { ++ran; });
  event->synchronize();
  REQUIRE(ran == 1);
  stream->synchronize();
  REQUIRE(ran == 2);
}

TEST_CASE("a deferred stream that waits for another's event runs that one only as far as the event", "[stream]") {
  const auto first = make_deferred_stream();
  const auto second = make_deferred_stream();
  std::vector<int> ran;
  first->enqueue([&] { ran.push_back(1); });
  second->wait(*first->record());
  first->enqueue([&] { ran.push_back(3); });
  second->enqueue([&] { ran.push_back(2); });
  REQUIRE(ran.empty());
  second->synchronize();
  REQUIRE(ran == std::vector<int>{1, 2});
  first->synchronize();
  REQUIRE(ran == std::vector<int>{1, 2, 3});
}

TEST_CASE("synchronize waits for work that other work has enqueued", "[stream]") {
  const auto kind = GENERATE(from_range(cpu_streams()));
  CAPTURE(kind);
  const auto stream = kind.make();
  bool ran = false;
  stream->enqueue([&] { stream->enqueue([&] { ran = true; }); });
  stream->synchronize();
  REQUIRE(ran);
}

TEST_CASE("a stream that dies runs what is left in it", "[stream]") {
  const auto kind = GENERATE(from_range(all_streams()));
  CAPTURE(kind);
  std::atomic<int> ran = 0;
  {
    const auto stream = kind.make();
    stream->enqueue([&] { ++ran; });
    stream->enqueue([&] { throw std::runtime_error("nobody asks"); });
    stream->enqueue([&] { ++ran; });
  }
  REQUIRE(ran == 2);
}

TEST_CASE("an event may outlive its stream", "[stream]") {
  const auto kind = GENERATE(from_range(all_streams()));
  CAPTURE(kind);
  auto stream = kind.make();
  stream->enqueue([] {});
  const auto event = stream->record();
  stream.reset();
  event->synchronize();
  REQUIRE(event->passed());
}

TEST_CASE("deferred work that waits for its own stream fails instead of hanging", "[stream]") {
  const auto stream = make_deferred_stream();
  std::shared_ptr<Event> later;
  stream->enqueue([&] { later->synchronize(); });
  stream->enqueue([] {});
  later = stream->record();
  REQUIRE_THROWS_AS(stream->synchronize(), Error);
}

TEST_CASE("two threads drive two deferred streams that wait for each other in turns", "[stream][threads]") {
  constexpr int kTurns = 200;
  const auto a = make_deferred_stream();
  const auto b = make_deferred_stream();
  std::vector<int> order;  // unguarded: the events alone keep the streams from touching it at once
  for (int turn = 0; turn < kTurns; ++turn) {
    a->enqueue([&order, turn] { order.push_back(2 * turn); });
    b->wait(*a->record());
    b->enqueue([&order, turn] { order.push_back(2 * turn + 1); });
    a->wait(*b->record());
  }
  {
    const std::jthread drives_a([&] { a->synchronize(); });
    const std::jthread drives_b([&] { b->synchronize(); });
  }
  REQUIRE(order.size() == 2 * kTurns);
  for (int i = 0; i < 2 * kTurns; ++i) REQUIRE(order[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("a CPU stream runs every task once", "[stream]") {
  const auto kind = GENERATE(from_range(immediate_streams()));
  CAPTURE(kind);
  const auto stream = kind.make();
  CpuStream& cpu = as_cpu_stream(*stream);
  for (const std::int64_t tasks : {0, 1, 2, 1000}) {
    std::vector<std::atomic<int>> runs(static_cast<std::size_t>(tasks));
    cpu.run_tasks(tasks, [&](std::int64_t i) { ++runs[static_cast<std::size_t>(i)]; });
    for (const std::atomic<int>& count : runs) REQUIRE(count == 1);
  }
  REQUIRE_THROWS_WITH(cpu.run_tasks(10, [](std::int64_t) { throw std::runtime_error("task"); }), "task");
}

TEST_CASE("a CPU stream never uses more threads than it was given", "[stream]") {
  const Backend backend = GENERATE(Backend::serial, default_cpu_backend(), Backend::own_threads);
  const int threads = GENERATE(1, 2);
  CAPTURE(name_of(backend), threads);
  const auto stream = make_cpu_stream(backend, threads);
  CpuStream& cpu = as_cpu_stream(*stream);
  REQUIRE(cpu.threads() == (backend == Backend::serial ? 1 : threads));
  std::atomic<int> inside = 0, most = 0;
  cpu.run_tasks(1000, [&](std::int64_t) {
    const int now = ++inside;
    for (int seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
    }
    --inside;
  });
  REQUIRE(most <= cpu.threads());
}

TEST_CASE("a CPU stream refuses a negative number of threads and CUDA as its backend", "[stream]") {
  REQUIRE_THROWS_WITH(make_cpu_stream(Backend::serial, -1), Catch::Contains("threads: -1"));
  REQUIRE_THROWS_AS(make_cpu_stream(Backend::cuda), Error);
}

TEST_CASE("without a CUDA device a CUDA stream is refused in one line that says why", "[stream]") {
  std::string why;
  if (cuda_device_count(&why) > 0) {
    REQUIRE_THROWS_WITH(make_cuda_stream(100000), Catch::Contains("cuda device: 100000"));
    return;
  }
  REQUIRE(why.find("cuda: ") == 0);
  REQUIRE(why.find('\n') == std::string::npos);
  try {
    make_cuda_stream(0);
    FAIL("made a stream without a device");
  } catch (const Error& error) {
    REQUIRE(error.code() == Code::failed_precondition);
    REQUIRE(error.what() == why);
  }
}

TEST_CASE("backends have different names", "[stream]") {
  REQUIRE(name_of(Backend::serial) == "serial");
  REQUIRE(name_of(Backend::tbb) == "tbb");
  REQUIRE(name_of(Backend::own_threads) == "own_threads");
  REQUIRE(name_of(Backend::cuda) == "cuda");
}

}  // namespace stream_test
