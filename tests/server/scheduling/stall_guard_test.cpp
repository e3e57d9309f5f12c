#include "server/stall_guard.h"

#include <atomic>
#include <future>
#include <vector>

#include "tests/support/catch.h"

namespace stall_guard_test {

using namespace voxd;
using namespace std::chrono_literals;

TEST_CASE("who does nothing when its time has come is found, once, and not before") {
  StallGuard guard(20ms);
  std::promise<Clock::time_point> stalled;
  const auto watch = guard.watch([&] { stalled.set_value(Clock::now()); });
  const Clock::time_point start = Clock::now();
  watch->feed(10ms);
  CHECK(stalled.get_future().get() >= start + 30ms);
}

TEST_CASE("who rests, feeds or has gone is left alone") {
  std::atomic<int> wrong = 0;
  StallGuard guard(1ms);
  const auto resting = guard.watch([&] { ++wrong; });
  const auto fed_for_long = guard.watch([&] { ++wrong; });
  auto gone = guard.watch([&] { ++wrong; });
  resting->feed(1h);
  resting->rest();
  fed_for_long->feed(1h);
  gone->feed(1h);
  gone.reset();
  // Others come due meanwhile.
  for (int i = 0; i < 20; ++i) {
    std::promise<void> stalled;
    const auto watch = guard.watch([&] { stalled.set_value(); });
    watch->feed();
    stalled.get_future().wait();
  }
  CHECK(wrong == 0);
}

TEST_CASE("a guard without patience never says that anyone stalls") {
  StallGuard guard(0s);
  const auto watch = guard.watch([] { FAIL("said so"); });
  watch->feed();
  StallGuard other(1ms);
  std::promise<void> later;
  const auto clock = other.watch([&] { later.set_value(); });
  clock->feed(5ms);
  later.get_future().wait();
}

TEST_CASE("a watch may die while it is called, on either thread") {
  StallGuard guard(1ms);
  for (int i = 0; i < 50; ++i) {
    std::unique_ptr<StallGuard::Watch> watch;
    std::promise<void> called;
    std::mutex mutex;
    {
      const std::lock_guard lock(mutex);
      watch = guard.watch([&] {
        const std::lock_guard inner(mutex);
        if (i % 2 == 0) watch.reset();
        called.set_value();
      });
      watch->feed();
    }
    called.get_future().wait();
    const std::lock_guard lock(mutex);
    watch.reset();
  }
}

}  // namespace stall_guard_test
