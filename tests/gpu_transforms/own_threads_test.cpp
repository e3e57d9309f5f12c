#include "gpu_transforms/own_threads.h"

#include <atomic>
#include <set>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/support/catch.h"

namespace own_threads_test {

using namespace voxd;

TEST_CASE("every task runs exactly once and its effect is seen by the caller", "[own_threads]") {
  for (const std::int64_t tasks : {0, 1, 3, 1000}) {
    CAPTURE(tasks);
    std::vector<int> runs(static_cast<std::size_t>(tasks));
    run_on_own_threads(tasks, [&](std::int64_t i) { ++runs[static_cast<std::size_t>(i)]; });
    for (const int count : runs) REQUIRE(count == 1);
  }
}

TEST_CASE("tasks really run at the same time", "[own_threads]") {
  // Each waits for the other, so one thread alone would never come out.
  std::atomic<int> arrived = 0;
  run_on_own_threads(2, [&](std::int64_t) {
    ++arrived;
    arrived.notify_all();
    for (int seen = arrived; seen < 2; seen = arrived) arrived.wait(seen);
  });
  REQUIRE(arrived == 2);
}

TEST_CASE("an exception of a task reaches the caller after all other tasks have run", "[own_threads]") {
  std::atomic<int> ran = 0;
  const auto failing = [&](std::int64_t i) {
    ++ran;
    if (i == 3) throw std::runtime_error("task 3");
  };
  REQUIRE_THROWS_WITH(run_on_own_threads(100, failing), "task 3");
  REQUIRE(ran == 100);
}

TEST_CASE("tasks may have tasks of their own", "[own_threads]") {
  std::atomic<int> ran = 0;
  run_on_own_threads(8, [&](std::int64_t) { run_on_own_threads(8, [&](std::int64_t) { ++ran; }); });
  REQUIRE(ran == 64);
}

TEST_CASE("several callers at once each get their own tasks done", "[own_threads][threads]") {
  constexpr int kCallers = 6;
  std::vector<std::vector<int>> runs(kCallers, std::vector<int>(500));
  {
    std::vector<std::jthread> callers;
    for (std::vector<int>& mine : runs)
      callers.emplace_back([&mine] {
        for (int round = 0; round < 10; ++round)
          run_on_own_threads(500, [&](std::int64_t i) { ++mine[static_cast<std::size_t>(i)]; });
      });
  }
  for (const std::vector<int>& mine : runs)
    for (const int count : mine) REQUIRE(count == 10);
}

}  // namespace own_threads_test
