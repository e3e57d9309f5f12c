#include "server/memory_budget.h"

#include <future>
#include <thread>

#include "tests/support/catch.h"

namespace memory_budget_test {

using namespace voxd;
using namespace std::chrono_literals;

TEST_CASE("what is taken is given back with its share", "[memory_budget]") {
  MemoryBudget budget("--device-memory", 100);
  {
    const MemoryBudget::Share first = budget.take(60, {}, {});
    MemoryBudget::Share second = budget.take(40, {}, {});
    CHECK(budget.used() == 100);
    second = {};
    CHECK(budget.used() == 60);
  }
  CHECK(budget.used() == 0);
}

TEST_CASE("what can never be free is refused with both numbers and the setting", "[memory_budget]") {
  MemoryBudget budget("--device-memory", 100);
  CHECK_THROWS_WITH(budget.take(101, {}, {}),
                    "image: needs up to 101 bytes of working memory, at most 100 (--device-memory)");
  CHECK_NOTHROW(budget.take(100, {}, {}));
}

TEST_CASE("a budget of 0 is none", "[memory_budget]") {
  MemoryBudget budget("--device-memory", 0);
  const auto share = budget.take(INT64_MAX / 2, {}, {});
  CHECK(budget.used() == INT64_MAX / 2);
}

TEST_CASE("what needs more than was guessed to be there runs alone", "[memory_budget][threads]") {
  MemoryBudget budget("--host-memory", 100, MemoryBudget::Excess::runs_alone);
  auto small = budget.take(1, {}, {});
  auto large = std::async(std::launch::async, [&] { return budget.take(1000, {}, {}); });
  while (budget.waiting() < 1) std::this_thread::yield();
  small = {};
  const auto share = large.get();
  CHECK(budget.used() == 100);
}

TEST_CASE("who waits is served when enough is given back, in order", "[memory_budget][threads]") {
  MemoryBudget budget("--device-memory", 100);
  auto held = budget.take(80, {}, {});
  auto large = std::async(std::launch::async, [&] { return budget.take(90, {}, {}); });
  while (budget.waiting() < 1) std::this_thread::yield();
  // 20 are free, but the large one came first.
  auto small = std::async(std::launch::async, [&] { return budget.take(10, {}, {}); });
  while (budget.waiting() < 2) std::this_thread::yield();
  CHECK(budget.used() == 80);
  held = {};
  const auto large_share = large.get();
  const auto small_share = small.get();
  CHECK(budget.used() == 100);
}

TEST_CASE("who is not wanted any more stops waiting and lets the next one through", "[memory_budget][threads]") {
  MemoryBudget budget("--device-memory", 100);
  const auto held = budget.take(80, {}, {});
  CancelToken cancel;
  auto cancelled = std::async(std::launch::async, [&] { return budget.take(90, {}, cancel); });
  while (budget.waiting() < 1) std::this_thread::yield();
  auto next = std::async(std::launch::async, [&] { return budget.take(20, {}, {}); });
  while (budget.waiting() < 2) std::this_thread::yield();
  cancel.cancel();
  CHECK_THROWS_WITH(cancelled.get(), Catch::Contains("cancelled"));
  const auto share = next.get();
  CHECK(budget.used() == 100);
  CHECK_THROWS_WITH(budget.take(50, Clock::now() + 10ms, {}), Catch::Contains("deadline"));
  CHECK(budget.waiting() == 0);
}

}  // namespace memory_budget_test
