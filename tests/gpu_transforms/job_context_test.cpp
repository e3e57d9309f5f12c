#include "gpu_transforms/job_context.h"

#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gpu_transforms/volume/error.h"
#include "tests/support/catch.h"

namespace job_context_test {

using namespace voxd;

namespace {

struct Fixture {
  std::unique_ptr<Stream> stream = make_cpu_stream(Backend::serial);
  MemoryPool pool{cpu_allocator(), {}};
  Workspace workspace{*stream, pool};
  JobContext context{workspace, std::nullopt, {}, {}};
};

Code code_of_check(const JobContext& context) {
  try {
    context.check();
  } catch (const Error& error) {
    return error.code();
  }
  FAIL("check() let the job go on");
  return Code::internal;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a job without deadline goes on until it is cancelled", "[job_context]") {
  REQUIRE_NOTHROW(context.check());
  CancelToken held_by_the_caller = context.cancel;
  held_by_the_caller.cancel();
  REQUIRE(context.cancel.cancelled());
  REQUIRE(code_of_check(context) == Code::cancelled);
}

TEST_CASE_METHOD(Fixture, "a job stops when its deadline has passed, not before", "[job_context]") {
  context.deadline = Clock::now() + std::chrono::hours(1);
  REQUIRE_NOTHROW(context.check());
  context.deadline = Clock::now() - std::chrono::seconds(5);
  REQUIRE(code_of_check(context) == Code::deadline_exceeded);
  REQUIRE_THROWS_WITH(context.check(), Catch::Contains("deadline") && Catch::Contains("5000 ms ago"));
}

TEST_CASE_METHOD(Fixture, "a job both cancelled and late counts as late: transports cancel what is late",
                 "[job_context]") {
  context.deadline = Clock::now() - std::chrono::seconds(1);
  context.cancel.cancel();
  REQUIRE(code_of_check(context) == Code::deadline_exceeded);
}

TEST_CASE_METHOD(Fixture, "a running job notices that another thread cancels it", "[job_context][threads]") {
  std::jthread canceller([token = context.cancel]() mutable { token.cancel(); });
  while (!context.cancel.cancelled()) std::this_thread::yield();
  REQUIRE(code_of_check(context) == Code::cancelled);
}

TEST_CASE_METHOD(Fixture, "progress reaches whoever listens, and nobody need listen", "[job_context]") {
  REQUIRE_NOTHROW(context.report(Stage::pre, 0.5));
  std::vector<std::pair<Stage, double>> told;
  context.progress = [&](Stage stage, double fraction) { told.emplace_back(stage, fraction); };
  context.report(Stage::network, 0.25);
  REQUIRE(told == std::vector<std::pair<Stage, double>>{{Stage::network, 0.25}});
}

TEST_CASE("every stage has a name of its own", "[job_context]") {
  std::set<std::string> names;
  for (int stage = 0; stage < kStages; ++stage) names.emplace(name_of(static_cast<Stage>(stage)));
  REQUIRE(names == std::set<std::string>{"decode", "queue", "pre", "network", "post", "encode"});
}

}  // namespace job_context_test
