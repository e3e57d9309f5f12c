#include <future>

#include "server/job_queue.h"
#include "tests/server/scheduling/fake_job.h"
#include "tests/support/catch.h"

namespace job_queue_waiting_test {

// Workers that wait for a job, and what may not be lost while they do.
using namespace voxd;
using namespace voxd::test;
using namespace std::chrono_literals;
using std::shared_ptr;

namespace {

shared_ptr<FakeJob> single(const std::string& model) {
  auto job = std::make_shared<FakeJob>();
  job->model = model;
  job->most_running = 1;
  return job;
}

}  // namespace

TEST_CASE("a worker that waits for a model to be done with its job gets the next one", "[job_queue][threads]") {
  JobQueue queue({});
  const auto running = single("large"), next = single("large");
  queue.push(running);
  queue.push(next);
  REQUIRE(queue.pop() == running);
  auto popped = std::async(std::launch::async, [&] { return queue.pop(); });
  CHECK(popped.wait_for(10ms) == std::future_status::timeout);
  queue.done(*running);
  CHECK(popped.get() == next);
}

TEST_CASE("a closed queue hands out what waits for its model, whatever is refused beside it", "[job_queue][threads]") {
  JobQueue queue({});
  const auto running = single("large"), next = single("large"), cancelled = single("large");
  for (const auto& job : {running, next, cancelled}) queue.push(job);
  REQUIRE(queue.pop() == running);
  cancelled->cancel.cancel();
  queue.close();
  auto popped = std::async(std::launch::async, [&] { return queue.pop(); });
  cancelled->wait_for_end();
  CHECK(cancelled->refusal() == Code::cancelled);
  queue.done(*running);
  CHECK(popped.get() == next);
  CHECK(queue.pop() == nullptr);
}

TEST_CASE("a worker that waits is sent home when another takes the last job of a closed queue",
          "[job_queue][threads]") {
  JobQueue queue({});
  const auto running = single("large"), last = single("large");
  queue.push(running);
  queue.push(last);
  REQUIRE(queue.pop() == running);
  auto waiting = std::async(std::launch::async, [&] { return queue.pop(); });
  queue.close();
  CHECK(waiting.wait_for(10ms) == std::future_status::timeout);
  CHECK(queue.remove(*last, Error(Code::cancelled, "gone")));
  CHECK(waiting.get() == nullptr);
}

TEST_CASE("what changes while positions are told is heard of at once, never what was before", "[job_queue]") {
  JobQueue queue({});
  const auto a = std::make_shared<FakeJob>(), b = std::make_shared<FakeJob>();
  queue.push(a);
  queue.push(b);
  const auto first = std::make_shared<FakeJob>(1);
  first->on_queued_at = [&](int) { queue.remove(*first, Error(Code::cancelled, "changed its mind")); };
  queue.push(first);
  CHECK(a->positions() == std::vector<int>{0});
  CHECK(b->positions() == std::vector<int>{1});
}

}  // namespace job_queue_waiting_test
