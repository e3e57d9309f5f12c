#include "server/work_estimates.h"

#include "tests/support/catch.h"

namespace work_estimates_test {

using namespace voxd;

TEST_CASE("a model that has not run is not estimated", "[work_estimates]") {
  WorkEstimates estimates;
  estimates.record("other", 1000, 3);
  CHECK(estimates.of("model", 1000) == 0);
}

TEST_CASE("a size that ran is estimated by what it took, the newest counting most", "[work_estimates]") {
  WorkEstimates estimates;
  estimates.record("model", 1000, 10);
  CHECK(estimates.of("model", 1000) == Approx(10));
  CHECK(estimates.of("model", 600) == Approx(10));  // the same power of two
  for (int i = 0; i < 20; ++i) estimates.record("model", 1000, 4);
  CHECK(estimates.of("model", 1000) == Approx(4).epsilon(0.01));
}

TEST_CASE("another size is estimated in proportion to the nearest", "[work_estimates]") {
  WorkEstimates estimates;
  estimates.record("model", 1 << 10, 1);
  estimates.record("model", 1 << 20, 500);
  CHECK(estimates.of("model", 1 << 12) == Approx(4));
  CHECK(estimates.of("model", 1 << 21) == Approx(1000));
  CHECK(estimates.of("model", 0) == 0);
}

}  // namespace work_estimates_test
