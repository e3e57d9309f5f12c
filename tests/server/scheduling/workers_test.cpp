#include "server/workers.h"

#include <future>
#include <latch>
#include <set>

#include "tests/server/scheduling/fake_job.h"
#include "tests/support/catch.h"

namespace workers_test {

using namespace voxd;
using namespace voxd::test;
using namespace std::chrono_literals;
using std::make_shared;
using std::shared_ptr;

namespace {

struct Server {
  StreamPool streams{2, [] { return make_cpu_stream(Backend::serial); }};
  MemoryPool memory{cpu_allocator(), {}};
  JobQueue queue{{}};

  WorkerResources resources() { return {streams, memory, allocate_host, 1234}; }
};

/// A job that holds its worker until it is let go.
class HoldingJob : public FakeJob {
 public:
  HoldingJob() {
    on_run = [this](WorkerResources&) {
      started_.set_value();
      let_go_.get_future().wait();
    };
  }
  void wait_for_start() { started_.get_future().wait(); }
  void let_go() { let_go_.set_value(); }

 private:
  std::promise<void> started_, let_go_;
};

shared_ptr<HoldingJob> occupy_worker(JobQueue& queue) {
  auto job = make_shared<HoldingJob>();
  queue.push(job);
  job->wait_for_start();
  return job;
}

}  // namespace

TEST_CASE_METHOD(Server, "a worker runs a job with the server's resources", "[workers]") {
  Workers workers(queue, resources(), {.count = 1, .on_start = {}});
  const auto job = make_shared<FakeJob>();
  std::promise<bool> as_given;
  job->on_run = [&](WorkerResources& lent) {
    as_given.set_value(&lent.streams == &streams && &lent.device_memory == &memory && lent.budget_bytes == 1234 &&
                       lent.staging(10).size() == 10);
  };
  queue.push(job);
  REQUIRE(as_given.get_future().get());
}

TEST_CASE_METHOD(Server, "an expired job is answered while every worker is busy", "[workers][threads]") {
  Workers workers(queue, resources(), {.count = 2, .on_start = {}});
  const auto first = occupy_worker(queue);
  const auto second = occupy_worker(queue);
  const auto patient = make_shared<FakeJob>();
  queue.push(patient);
  const auto expiring = make_shared<FakeJob>(0, Clock::now() + 10ms);
  queue.push(expiring);
  expiring->wait_for_end();
  REQUIRE(expiring->refusal() == Code::deadline_exceeded);
  REQUIRE(Clock::now() >= *expiring->deadline);
  REQUIRE(patient->ends() == 0);
  first->let_go();
  second->let_go();
  patient->wait_for_end();
  REQUIRE(patient->refusal() == std::nullopt);
}

TEST_CASE_METHOD(Server, "an expired job is answered during the drain as well", "[workers][threads]") {
  Workers workers(queue, resources(), {.count = 1, .on_start = {}});
  const auto running = occupy_worker(queue);
  const auto expiring = make_shared<FakeJob>(0, Clock::now() + 10ms);
  queue.push(expiring);
  queue.close();
  expiring->wait_for_end();
  REQUIRE(expiring->refusal() == Code::deadline_exceeded);
  running->let_go();
}

TEST_CASE_METHOD(Server, "after close everything accepted is still run before the workers are gone",
                 "[workers][threads]") {
  std::vector<shared_ptr<FakeJob>> jobs;
  {
    Workers workers(queue, resources(), {.count = 2, .on_start = {}});
    const auto running = occupy_worker(queue);
    for (int i = 0; i < 50; ++i) {
      jobs.push_back(make_shared<FakeJob>(i % 3));
      queue.push(jobs.back());
    }
    queue.close();
    running->let_go();
  }
  for (const auto& job : jobs) {
    REQUIRE(job->ends() == 1);
    REQUIRE(job->refusal() == std::nullopt);
  }
}

TEST_CASE_METHOD(Server, "workers that end close the queue", "[workers]") {
  { Workers workers(queue, resources(), {.count = 1, .on_start = {}}); }
  REQUIRE_THROWS_AS(queue.push(make_shared<FakeJob>()), Error);
}

TEST_CASE_METHOD(Server, "as many jobs run at once as there are workers, and running counts them",
                 "[workers][threads]") {
  Workers workers(queue, resources(), {.count = 3, .on_start = {}});
  std::latch all_here(4);  // three jobs and the test: fewer workers would never get past it
  std::latch counted(1);
  std::vector<shared_ptr<FakeJob>> jobs;
  for (int i = 0; i < 3; ++i) {
    jobs.push_back(make_shared<FakeJob>());
    jobs.back()->on_run = [&](WorkerResources&) {
      all_here.count_down();
      counted.wait();
    };
    queue.push(jobs.back());
  }
  all_here.arrive_and_wait();
  REQUIRE(workers.running() == 3);
  counted.count_down();
}

TEST_CASE_METHOD(Server, "every worker calls on_start on its own thread before its first job", "[workers][threads]") {
  std::mutex mutex;
  std::set<std::thread::id> started;
  bool unprepared = false;
  {
    const auto note_start = [&] {
      const std::lock_guard lock(mutex);
      started.insert(std::this_thread::get_id());
    };
    Workers workers(queue, resources(), {.count = 3, .on_start = note_start});
    for (int i = 0; i < 30; ++i) {
      const auto job = make_shared<FakeJob>();
      job->on_run = [&](WorkerResources&) {
        const std::lock_guard lock(mutex);
        unprepared |= started.count(std::this_thread::get_id()) == 0;
      };
      queue.push(job);
    }
  }
  REQUIRE(started.size() == 3);
  REQUIRE_FALSE(unprepared);
}

TEST_CASE_METHOD(Server, "jobs that lease streams and memory at the same time do not disturb each other",
                 "[workers][threads]") {
  std::atomic<int> right = 0;
  {
    Workers workers(queue, resources(), {.count = 4, .on_start = {}});  // more workers than streams
    for (int i = 0; i < 60; ++i) {
      const auto job = make_shared<FakeJob>();
      job->on_run = [&right, i](WorkerResources& lent) {
        const StreamPool::Lease stream = lent.streams.lease();
        Workspace workspace(*stream, lent.device_memory, lent.budget_bytes);
        const std::shared_ptr<int> value = workspace.allocate_array<int>(100);
        stream->enqueue([p = value.get(), i] { p[99] = i; });
        stream->synchronize();
        right += value.get()[99] == i;
      };
      queue.push(job);
    }
  }
  REQUIRE(right == 60);
  REQUIRE(streams.idle() == 2);
  REQUIRE(memory.statistics().bytes_in_use == 0);
}

TEST_CASE_METHOD(Server, "no workers at all are refused", "[workers]") {
  REQUIRE_THROWS_WITH(Workers(queue, resources(), {.count = 0, .on_start = {}}), Catch::Contains("workers: 0"));
}

}  // namespace workers_test
