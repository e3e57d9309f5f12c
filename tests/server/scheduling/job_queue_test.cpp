#include "server/job_queue.h"

#include <future>
#include <latch>
#include <thread>

#include "tests/server/scheduling/fake_job.h"
#include "tests/support/catch.h"

namespace job_queue_test {

using namespace voxd;
using namespace voxd::test;
using namespace std::chrono_literals;
using std::make_shared;
using std::shared_ptr;

namespace {

const Clock::time_point kLater = Clock::now() + 1h;

Error error_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error;
  }
  FAIL("nothing was thrown");
  return Error(Code::internal, "");
}

shared_ptr<FakeJob> pushed(JobQueue& queue, int priority = 0, std::optional<Clock::time_point> deadline = {},
                           std::int64_t bytes = 0) {
  auto job = make_shared<FakeJob>(priority, deadline, bytes);
  queue.push(job);
  return job;
}

}  // namespace

TEST_CASE("jobs leave by priority, then deadline, then arrival", "[job_queue]") {
  JobQueue queue({});
  const auto no_deadline = pushed(queue);
  const auto late = pushed(queue, 0, kLater + 2s);
  const auto low = pushed(queue, -1, kLater);
  const auto urgent = pushed(queue, 5);
  const auto soon = pushed(queue, 0, kLater + 1s);
  const auto soon_too = pushed(queue, 0, kLater + 1s);
  const auto no_deadline_either = pushed(queue);
  for (const auto& expected : {urgent, soon, soon_too, late, no_deadline, no_deadline_either, low})
    REQUIRE(queue.pop() == expected);
  REQUIRE(queue.size() == 0);
}

TEST_CASE("a job's place is the one it was pushed with", "[job_queue]") {
  JobQueue queue({});
  const auto first = pushed(queue, 0, {}, 10);
  const auto second = pushed(queue, 0, {}, 20);
  second->priority = 9;
  second->bytes = 1000;
  REQUIRE(queue.pop() == first);
  REQUIRE(queue.pop() == second);
  REQUIRE(queue.bytes() == 0);
}

TEST_CASE("a full queue refuses at once, names its limit, and leaves the job alone", "[job_queue]") {
  JobQueue queue({.jobs = 2, .bytes = 1000});
  pushed(queue, 0, {}, 400);
  const auto job = make_shared<FakeJob>(9, kLater, 601);
  SECTION("of bytes") {
    const Error error = error_of([&] { queue.push(job); });
    REQUIRE(error.code() == Code::resource_exhausted);
    REQUIRE_THAT(error.what(), Catch::Contains("601") && Catch::Contains("400") && Catch::Contains("1000"));
  }
  SECTION("of jobs") {
    pushed(queue);
    const Error error = error_of([&] { queue.push(job); });
    REQUIRE(error.code() == Code::resource_exhausted);
    REQUIRE_THAT(error.what(), Catch::Contains("2 jobs wait") && Catch::Contains("at most 2"));
  }
  SECTION("of bytes beyond counting") {
    job->bytes = INT64_MAX;
    REQUIRE(error_of([&] { queue.push(job); }).code() == Code::resource_exhausted);
  }
  REQUIRE(job->ends() == 0);
  REQUIRE(job->positions().empty());
  queue.pop();
  job->bytes = 600;
  REQUIRE_NOTHROW(queue.push(job));
}

TEST_CASE("jobs that are dead already do not keep a full queue full", "[job_queue]") {
  JobQueue queue({.jobs = 2});
  const auto expired = pushed(queue, 0, Clock::now() - 1s);
  const auto cancelled = pushed(queue);
  cancelled->cancel.cancel();
  const auto alive = pushed(queue);
  REQUIRE(expired->refusal() == Code::deadline_exceeded);
  REQUIRE(cancelled->refusal() == Code::cancelled);
  REQUIRE(queue.size() == 1);
  REQUIRE(queue.pop() == alive);
}

TEST_CASE("a closed queue refuses pushes, hands out what it holds, then null", "[job_queue]") {
  JobQueue queue({});
  const auto held = pushed(queue);
  queue.close();
  REQUIRE(error_of([&] { pushed(queue); }).code() == Code::unavailable);
  REQUIRE(queue.pop() == held);
  REQUIRE(queue.pop() == nullptr);
  REQUIRE(queue.pop() == nullptr);
}

TEST_CASE("what is expired or cancelled is refused instead of handed out", "[job_queue]") {
  JobQueue queue({});
  const auto expired = pushed(queue, 5, Clock::now() - 1ms);
  const auto cancelled = pushed(queue, 4);
  const auto alive = pushed(queue, 0, kLater);
  cancelled->cancel.cancel();
  REQUIRE(queue.pop() == alive);
  REQUIRE(expired->refusal() == Code::deadline_exceeded);
  REQUIRE(cancelled->refusal() == Code::cancelled);
  REQUIRE(alive->ends() == 0);
}

TEST_CASE("a pop that waits gets the next job pushed", "[job_queue][threads]") {
  JobQueue queue({});
  auto popped = std::async(std::launch::async, [&] { return queue.pop(); });
  const auto job = pushed(queue);
  REQUIRE(popped.get() == job);
}

TEST_CASE("a pop that waits ends with null when the queue is closed", "[job_queue][threads]") {
  JobQueue queue({});
  auto popped = std::async(std::launch::async, [&] { return queue.pop(); });
  queue.close();
  REQUIRE(popped.get() == nullptr);
}

TEST_CASE("a pop that finds only expired jobs in a closed queue refuses them and ends", "[job_queue]") {
  JobQueue queue({});
  const auto expired = pushed(queue, 0, Clock::now() - 1ms);
  queue.close();
  REQUIRE(queue.pop() == nullptr);
  REQUIRE(expired->refusal() == Code::deadline_exceeded);
}

TEST_CASE("refuse_expired refuses what is due, the deadline's own moment included, and says what comes next",
          "[job_queue]") {
  JobQueue queue({});
  REQUIRE(queue.refuse_expired(kLater) == std::nullopt);
  const auto due = pushed(queue, 0, kLater);
  const auto next = pushed(queue, 9, kLater + 1ms);
  const auto never = pushed(queue);
  REQUIRE(queue.refuse_expired(kLater - 1ns) == kLater);
  REQUIRE(due->ends() == 0);
  REQUIRE(queue.refuse_expired(kLater) == kLater + 1ms);
  REQUIRE(due->refusal() == Code::deadline_exceeded);
  REQUIRE(queue.refuse_expired(kLater + 1h) == std::nullopt);
  REQUIRE(next->refusal() == Code::deadline_exceeded);
  REQUIRE(never->ends() == 0);
}

TEST_CASE("the timer's wait ends when its time has come, not before", "[job_queue]") {
  JobQueue queue({});
  pushed(queue, 0, kLater);
  const Clock::time_point until = Clock::now() + 5ms;
  REQUIRE(queue.wait_for_change(until));
  REQUIRE(Clock::now() >= until);
}

TEST_CASE("the timer's wait ends early for an earlier deadline, whether pushed during or just before it",
          "[job_queue][threads]") {
  JobQueue queue({});
  SECTION("where nothing waited") {
    auto waited = std::async(std::launch::async, [&] { return queue.wait_for_change(std::nullopt); });
    pushed(queue, 0, kLater);
    REQUIRE(waited.get());
  }
  SECTION("where a later one waited") {
    pushed(queue, 0, kLater + 1h);
    auto waited = std::async(std::launch::async, [&] { return queue.wait_for_change(kLater + 1h); });
    pushed(queue, 0, kLater);
    REQUIRE(waited.get());
  }
}

TEST_CASE("the timer goes on while a closed queue still holds jobs, and ends with the last", "[job_queue][threads]") {
  // Many rounds, because the last job may leave before or after the timer has begun to wait.
  for (int round = 0; round < 300; ++round) {
    JobQueue queue({});
    pushed(queue);
    queue.close();
    REQUIRE(queue.wait_for_change(Clock::now()));
    std::latch about_to_wait(1);
    auto waited = std::async(std::launch::async, [&] {
      about_to_wait.count_down();
      return queue.wait_for_change(std::nullopt);
    });
    about_to_wait.wait();
    if (round % 2 == 0) std::this_thread::yield();
    queue.pop();
    REQUIRE_FALSE(waited.get());
  }
}

TEST_CASE("a waiting job can be removed, with the reason given; one that a worker has cannot", "[job_queue]") {
  JobQueue queue({});
  const auto taken = pushed(queue, 1);
  const auto waiting = pushed(queue, 0, {}, 100);
  queue.pop();
  REQUIRE_FALSE(queue.remove(*taken, Error(Code::cancelled, "client left")));
  REQUIRE(taken->ends() == 0);
  REQUIRE(queue.remove(*waiting, Error(Code::cancelled, "client left")));
  REQUIRE(waiting->refusal() == Code::cancelled);
  REQUIRE(queue.bytes() == 0);
  REQUIRE_FALSE(queue.remove(*waiting, Error(Code::cancelled, "client left")));
  REQUIRE(waiting->ends() == 1);
}

TEST_CASE("a job is told its position when it changes, and only then", "[job_queue]") {
  JobQueue queue({});
  const auto a = pushed(queue);
  const auto b = pushed(queue);
  const auto last = pushed(queue, -1);
  const auto first = pushed(queue, 1);
  REQUIRE(first->positions() == std::vector<int>{0});
  REQUIRE(a->positions() == std::vector<int>{0, 1});
  REQUIRE(b->positions() == std::vector<int>{1, 2});
  REQUIRE(last->positions() == std::vector<int>{2, 3});
  queue.remove(*b, Error(Code::cancelled, "gone"));
  REQUIRE(a->positions() == std::vector<int>{0, 1});
  REQUIRE(last->positions() == std::vector<int>{2, 3, 2});
  queue.pop();
  REQUIRE(a->positions() == std::vector<int>{0, 1, 0});
  REQUIRE(first->positions() == std::vector<int>{0});
}

TEST_CASE("a job may call the queue while it is told its position", "[job_queue]") {
  JobQueue queue({});
  const auto job = make_shared<FakeJob>();
  const auto behind = make_shared<FakeJob>(-1);
  std::size_t waiting = 0;
  job->on_queued_at = [&](int) {
    queue.push(behind);
    waiting = queue.size();
    queue.remove(*job, Error(Code::cancelled, "changed its mind"));
  };
  queue.push(job);
  REQUIRE(waiting == 2);
  REQUIRE(job->refusal() == Code::cancelled);
  REQUIRE(behind->positions() == std::vector<int>{0});
  REQUIRE(queue.pop() == behind);
}

TEST_CASE("a job is not handed out while another thread still tells it its position", "[job_queue][threads]") {
  JobQueue queue({});
  std::promise<void> telling, told;
  const auto job = make_shared<FakeJob>();
  job->on_queued_at = [&](int) {
    telling.set_value();
    told.get_future().wait();
  };
  std::jthread pusher([&] { queue.push(job); });
  telling.get_future().wait();
  std::atomic<bool> released = false;
  auto popped_late = std::async(std::launch::async, [&] {
    queue.pop();
    return released.load();
  });
  while (queue.size() > 0) std::this_thread::yield();  // pop has taken it and now waits
  released = true;
  told.set_value();
  REQUIRE(popped_late.get());
}

TEST_CASE("a queue that dies refuses what still waits", "[job_queue]") {
  const auto job = make_shared<FakeJob>();
  {
    JobQueue queue({});
    queue.push(job);
  }
  REQUIRE(job->refusal() == Code::unavailable);
  REQUIRE(job->ends() == 1);
}

}  // namespace job_queue_test
