#include "server/wait_forecast.h"

#include "tests/support/catch.h"

namespace wait_forecast_test {

using namespace voxd;

namespace {

JobTraits job(double seconds, const std::string& model = {}, int most_running = 0) {
  JobTraits traits;
  traits.seconds = seconds;
  traits.model = model;
  traits.most_running = most_running;
  return traits;
}

}  // namespace

TEST_CASE("jobs start in order, each on the worker that is free first", "[wait_forecast]") {
  WaitForecast forecast(2);
  forecast.running("any", 6);
  CHECK(forecast.start(job(5)) == 0);
  CHECK(forecast.start(job(3)) == 5);
  CHECK(forecast.start(job(1)) == 6);
  CHECK(forecast.start(job(1)) == 7);
}

TEST_CASE("a job waits for its model's limit while others go ahead of it", "[wait_forecast]") {
  WaitForecast forecast(2);
  forecast.running("single", 10);
  CHECK(forecast.start(job(4, "single", 1)) == 10);
  CHECK(forecast.start(job(4, "single", 1)) == 14);
  CHECK(forecast.start(job(3, "other", 1)) == 0);
  CHECK(forecast.start(job(3)) == 3);
  CHECK(forecast.start(job(4, "single", 1)) == 18);
}

TEST_CASE("as many jobs of a model as it allows run at once", "[wait_forecast]") {
  WaitForecast forecast(3);
  forecast.running("pair", 8);
  CHECK(forecast.start(job(5, "pair", 2)) == 0);
  CHECK(forecast.start(job(5, "pair", 2)) == 5);  // when the shorter one is done
  CHECK(forecast.start(job(1, "pair", 2)) == 8);  // then the longer one
  CHECK(forecast.start(job(1, "pair", 2)) == 9);
  CHECK(forecast.start(job(1)) == 0);  // the third worker was free all along
}

TEST_CASE("a server that runs more than it has workers for, and one without any, is no fault", "[wait_forecast]") {
  WaitForecast forecast(0);
  forecast.running("a", 1);
  forecast.running("a", 2);
  CHECK(forecast.start(job(1)) == 1);
}

}  // namespace wait_forecast_test
