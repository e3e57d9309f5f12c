#include "server/fair_order.h"

#include <map>
#include <random>

#include "server/job_queue.h"
#include "tests/server/scheduling/fake_job.h"
#include "tests/support/catch.h"

namespace fair_order_test {

using namespace voxd;
using namespace voxd::test;
using namespace std::chrono_literals;
using std::shared_ptr;

namespace {

/// A clock that a test moves.
struct Simulated {
  Clock::time_point now = Clock::now();
  JobQueue::Limits limits(Clock::duration aging = 60s, int workers = 1) {
    return {.jobs = 10000, .workers = workers, .aging = aging, .now = [this] { return now; }};
  }
};

shared_ptr<FakeJob> pushed(JobQueue& queue, const std::string& client, double seconds = 0, int priority = 0,
                           std::optional<Clock::time_point> deadline = {}) {
  auto job = std::make_shared<FakeJob>(priority, deadline);
  job->client = client;
  job->seconds = seconds;
  queue.push(job);
  return job;
}

/// The clients in the order in which their jobs leave.
std::string order_of(JobQueue& queue) {
  std::string order;
  while (queue.size() > 0) order += queue.pop()->client;
  return order;
}

}  // namespace

TEST_CASE("one client's backlog does not keep another waiting", "[fair_order]") {
  JobQueue queue({});
  for (int i = 0; i < 5; ++i) pushed(queue, "a");
  pushed(queue, "b");
  pushed(queue, "b");
  CHECK(order_of(queue) == "ababaaa");
}

TEST_CASE("turns are counted in work, not in jobs", "[fair_order]") {
  JobQueue queue({});
  for (int i = 0; i < 3; ++i) pushed(queue, "a", 4);
  for (int i = 0; i < 8; ++i) pushed(queue, "b", 1);
  CHECK(order_of(queue) == "abbbbabbbba");
}

TEST_CASE("a client that was away is not given more than its turn for that", "[fair_order]") {
  JobQueue queue({});
  for (int i = 0; i < 9; ++i) pushed(queue, "a", 1);
  for (int i = 0; i < 5; ++i) queue.pop();
  for (int i = 0; i < 4; ++i) pushed(queue, "b", 1);
  CHECK(order_of(queue) == "babababa");
}

TEST_CASE("priority goes before turns, turns before deadlines of others, deadlines before arrival", "[fair_order]") {
  Simulated clock;
  JobQueue queue(clock.limits());
  const auto none = pushed(queue, "a");
  const auto late = pushed(queue, "a", 0, 0, clock.now + 2h);
  const auto soon = pushed(queue, "a", 0, 0, clock.now + 1h);
  const auto other = pushed(queue, "b");
  const auto urgent = pushed(queue, "a", 0, 1);
  // a's urgent job was a turn of its client, so that b is next.
  for (const auto& expected : {urgent, other, soon, late, none}) CHECK(queue.pop() == expected);
}

TEST_CASE("a job goes up by one priority for every span that it has waited", "[fair_order]") {
  Simulated clock;
  JobQueue queue(clock.limits(10s));
  const auto low = pushed(queue, "a", 0, -2);
  clock.now += 29s;
  const auto middle = pushed(queue, "b", 0, 1);
  CHECK(queue.pop() == middle);  // low stands at 0
  clock.now += 1s;
  const auto again = pushed(queue, "b", 0, 0);
  CHECK(queue.pop() == low);  // 30 s later at 1
  CHECK(queue.pop() == again);
}

TEST_CASE("without aging a job waits for all of higher priority", "[fair_order]") {
  Simulated clock;
  JobQueue queue(clock.limits(0s));
  const auto low = pushed(queue, "a", 0, -1);
  clock.now += 1000h;
  const auto high = pushed(queue, "a");
  CHECK(queue.pop() == high);
  CHECK(queue.pop() == low);
}

TEST_CASE("a model that runs as often as it may is passed over until one of its jobs is done", "[job_queue]") {
  JobQueue queue({});
  const auto with_model = [&](const std::string& model) {
    auto job = std::make_shared<FakeJob>();
    job->model = model;
    job->most_running = 1;
    job->most_waiting = 2;
    return job;
  };
  const auto first = with_model("large"), second = with_model("large"), other = with_model("small");
  for (const auto& job : {first, second, other}) queue.push(job);
  CHECK(queue.pop() == first);
  CHECK(queue.pop() == other);
  queue.done(*first);
  CHECK(queue.pop() == second);

  queue.push(with_model("large"));
  queue.push(with_model("large"));
  CHECK_THROWS_WITH(queue.push(with_model("large")), "queue: 2 jobs of model 'large' wait, at most 2");
  CHECK_NOTHROW(queue.push(with_model("small")));
}

TEST_CASE("a waiting job hears how long it will wait, by what is ahead and what runs", "[job_queue]") {
  Simulated clock;
  JobQueue queue(clock.limits(60s, 2));
  const auto running = pushed(queue, "a", 10);
  CHECK(queue.pop() == running);
  clock.now += 4s;
  const auto next = pushed(queue, "a", 5);    // the second worker is free
  const auto second = pushed(queue, "a", 3);  // after next, at 5, or running, at 6
  const auto third = pushed(queue, "a", 1);
  CHECK(next->wait_seconds() == 0);
  CHECK(second->wait_seconds() == Approx(5));
  CHECK(third->wait_seconds() == Approx(6));
  JobTraits traits;
  traits.client = "a";
  CHECK(queue.expected_wait(traits) == Approx(7));
  traits.priority = 1;
  CHECK(queue.expected_wait(traits) == 0);
  CHECK(queue.work_seconds() == Approx(6 + 5 + 3 + 1));
  clock.now += 100s;  // longer than estimated: it must be done any moment
  CHECK(queue.work_seconds() == Approx(9));
  queue.done(*running);
  queue.pop();
  CHECK(third->positions().back() == 1);
  CHECK(third->wait_seconds() == Approx(3));
}

TEST_CASE("a job that waits for its model hears so, and who comes behind does not wait for it", "[job_queue]") {
  Simulated clock;
  JobQueue queue(clock.limits(60s, 2));
  const auto of_model = [&](const std::string& model, double seconds) {
    auto job = std::make_shared<FakeJob>();
    job->model = model;
    job->most_running = 1;
    job->seconds = seconds;
    queue.push(job);
    return job;
  };
  const auto running = of_model("single", 10);
  CHECK(queue.pop() == running);
  const auto waiting = of_model("single", 5);
  CHECK(waiting->wait_seconds() == Approx(10));
  CHECK(queue.expected_wait(*waiting) == Approx(15));
  JobTraits other;
  other.model = "other";
  CHECK(queue.expected_wait(other) == 0);
}

// Whatever is pushed when: no client waits for more than its share, nothing waits for ever, higher levels go first.
TEST_CASE("random schedules keep priority, turns and age", "[fair_order][random]") {
  for (unsigned schedule = 0; schedule < 400; ++schedule) {
    const unsigned seed = Catch::rngSeed() + schedule;
    CAPTURE(seed);
    std::mt19937 random(seed);
    Simulated clock;
    const Clock::duration aging = random() % 4 == 0 ? 0s : 20s;
    JobQueue queue(clock.limits(aging));
    std::map<const Job*, Clock::time_point> waiting;  // when pushed
    std::map<std::string, double> backlogged_served;  // work given to those that had jobs all along
    bool steady = true;                               // one level only
    const int clients = 1 + static_cast<int>(random() % 4);
    const auto push_one = [&](const std::string& client) {
      const int priority = random() % 10 == 0 ? 1 : 0;
      steady &= priority == 0;
      const auto job = pushed(queue, client, 1 + static_cast<double>(random() % 5), priority);
      waiting[job.get()] = clock.now;
    };
    for (int i = 0; i < clients; ++i)
      for (int j = 0; j < 20; ++j) push_one(std::string(1, static_cast<char>('a' + i)));
    for (int step = 0; step < 18; ++step) {
      clock.now += std::chrono::seconds(random() % 3);
      const auto level = [&](const Job& job) {
        const auto aged = aging > 0s ? (clock.now - waiting.at(&job)) / aging : 0;
        return job.priority + static_cast<int>(aged);
      };
      int highest = INT_MIN;
      for (const auto& [job, since] : waiting) highest = std::max(highest, level(*job));
      const shared_ptr<Job> job = queue.pop();
      REQUIRE(level(*job) == highest);
      waiting.erase(job.get());
      backlogged_served[job->client] += job->seconds;
    }
    if (!steady || aging > 0s || clients == 1) continue;
    // Start-time fair queueing: two that always wait differ by no more than one job of each.
    for (int i = 0; i < clients; ++i)
      for (int j = 0; j < clients; ++j)
        REQUIRE(backlogged_served[std::string(1, static_cast<char>('a' + i))] -
                    backlogged_served[std::string(1, static_cast<char>('a' + j))] <=
                10);
  }
}

TEST_CASE("nothing starves: under endless urgent work a lowly job runs within its age's climb", "[fair_order]") {
  Simulated clock;
  JobQueue queue(clock.limits(10s));
  const auto lowly = pushed(queue, "slow", 1, -3);
  int ran_before = 0;
  for (;; ++ran_before) {
    pushed(queue, "busy", 1, 2);
    clock.now += 1s;
    if (queue.pop() == lowly) break;
    REQUIRE(ran_before < 60);
  }
  CHECK(ran_before >= 49);  // five levels of 10 s
}

TEST_CASE("any number of client names is remembered up to a bound, and none once nobody waits", "[fair_order]") {
  FairOrder order(60s);
  std::vector<WaitingJob> waiting(1);
  waiting[0].traits.client = "waits";
  std::size_t most = 0;
  for (int i = 0; i < 10000; ++i) {
    JobTraits traits;
    traits.client = "client " + std::to_string(i);
    order.handed_out(traits);
    order.tidy(waiting);
    most = std::max(most, order.remembered());
  }
  CHECK(most > 1000);
  CHECK(most <= 4096);
  order.tidy({});
  CHECK(order.remembered() == 0);
}

}  // namespace fair_order_test
