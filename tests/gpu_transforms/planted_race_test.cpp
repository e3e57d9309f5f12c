#include <thread>

#include "gpu_transforms/own_threads.h"
#include "tests/support/catch.h"

// Hidden: run by name to prove that ThreadSanitizer watches this program. It must report the counter, and so fail.
TEST_CASE("a planted race between two tasks is reported", "[.planted_race]") {
  int counter = 0;
  voxd::run_on_own_threads(1000, [&](std::int64_t) { ++counter; });
  {
    const std::jthread other([&] { ++counter; });
    ++counter;
  }
  CHECK(counter > 0);
}
