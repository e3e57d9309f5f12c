#define CATCH_CONFIG_MAIN
#include "tests/support/catch.h"

#ifdef __SANITIZE_THREAD__
#include <thread>

// Run on its own by scripts/test: a binary whose planted race goes unreported proves nothing by its silence.
TEST_CASE("a planted race is reported", "[.][planted-race]") {
  int value = 0;
  std::thread other([&] { value = 1; });
  value = 2;
  other.join();
  CHECK(value > 0);
}
#endif
