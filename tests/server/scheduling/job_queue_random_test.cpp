#include <algorithm>
#include <random>
#include <thread>

#include "server/job_queue.h"
#include "tests/server/scheduling/fake_job.h"
#include "tests/support/catch.h"

namespace job_queue_random_test {

// Random schedules against a plain model. A failing one is repeated with --rng-seed and the number that is reported.
using namespace voxd;
using namespace voxd::test;
using namespace std::chrono_literals;
using std::shared_ptr;

namespace {

using Random = std::mt19937;
using Jobs = std::vector<shared_ptr<FakeJob>>;

// Never reached by the real clock, which pop() looks at; refuse_expired() is given times of its own.
const Clock::time_point kStart = Clock::now() + 24h;

shared_ptr<FakeJob> random_job(Random& random) {
  auto job = std::make_shared<FakeJob>(static_cast<int>(random() % 3), std::nullopt, random() % 100);
  if (random() % 3 != 0) job->deadline = kStart + std::chrono::seconds(random() % 20);
  return job;
}

/// The queue as a sorted list: what it must do, without threads, limits in one place.
struct Model {
  JobQueue::Limits limits;
  Jobs waiting;  // in the order of leaving

  std::int64_t bytes() const {
    std::int64_t sum = 0;
    for (const auto& job : waiting) sum += job->bytes;
    return sum;
  }
  bool has_live() const {
    return std::any_of(waiting.begin(), waiting.end(), [](const auto& job) { return !job->cancel.cancelled(); });
  }
  void drop_dead(Clock::time_point now) {
    std::erase_if(waiting, [&](const auto& job) {
      return job->cancel.cancelled() || job->deadline.value_or(Clock::time_point::max()) <= now;
    });
  }
  bool push(const shared_ptr<FakeJob>& job) {
    const auto full = [&] { return waiting.size() >= limits.jobs || job->bytes + bytes() > limits.bytes; };
    if (full()) drop_dead(Clock::now());
    if (full()) return false;
    waiting.push_back(job);
    std::stable_sort(waiting.begin(), waiting.end(), [](const auto& a, const auto& b) {
      const auto none = Clock::time_point::max();
      return std::pair(-a->priority, a->deadline.value_or(none)) < std::pair(-b->priority, b->deadline.value_or(none));
    });
    return true;
  }
};

/// One random act on both.
void act(Random& random, JobQueue& queue, Model& model, Jobs& all, Jobs& taken) {
  switch (random() % 8) {
    case 0: {
      if (!model.has_live()) return;  // pop would wait
      const auto job = queue.pop();
      model.drop_dead(Clock::now());
      REQUIRE(job == model.waiting.front());
      model.waiting.erase(model.waiting.begin());
      taken.push_back(std::static_pointer_cast<FakeJob>(job));
      return;
    }
    case 1: {
      const Clock::time_point now = kStart + std::chrono::seconds(random() % 20);
      const auto next = queue.refuse_expired(now);
      model.drop_dead(now);
      std::optional<Clock::time_point> expected;
      for (const auto& job : model.waiting)
        if (job->deadline && (!expected || *job->deadline < *expected)) expected = job->deadline;
      REQUIRE(next == expected);
      return;
    }
    case 2: {
      if (all.empty()) return;
      const auto& job = all[random() % all.size()];
      const auto place = std::find(model.waiting.begin(), model.waiting.end(), job);
      REQUIRE(queue.remove(*job, Error(Code::cancelled, "removed")) == (place != model.waiting.end()));
      if (place != model.waiting.end()) model.waiting.erase(place);
      return;
    }
    case 3:
      if (!model.waiting.empty()) model.waiting[random() % model.waiting.size()]->cancel.cancel();
      return;
    default: {
      auto job = random_job(random);
      bool accepted = true;
      try {
        queue.push(job);
      } catch (const Error& error) {
        REQUIRE(error.code() == Code::resource_exhausted);
        accepted = false;
      }
      REQUIRE(accepted == model.push(job));
      if (accepted) all.push_back(job);
    }
  }
}

}  // namespace

TEST_CASE("after any schedule the queue holds, orders, counts and tells what a plain list would",
          "[job_queue][random]") {
  for (unsigned schedule = 0; schedule < 3000; ++schedule) {
    const unsigned seed = Catch::rngSeed() + schedule;
    CAPTURE(schedule, seed);
    Random random(seed);
    Model model{{.jobs = 1 + random() % 12, .bytes = static_cast<std::int64_t>(50 + random() % 500)}, {}};
    Jobs all, taken;
    {
      JobQueue queue(model.limits);
      for (int step = 0; step < 60; ++step) {
        act(random, queue, model, all, taken);
        REQUIRE(queue.size() == model.waiting.size());
        REQUIRE(queue.bytes() == model.bytes());
        for (std::size_t i = 0; i < model.waiting.size(); ++i)
          REQUIRE(model.waiting[i]->positions().back() == static_cast<int>(i));
      }
      for (const auto& job : model.waiting) REQUIRE(job->ends() == 0);
    }
    for (const auto& job : all) {
      const bool was_taken = std::find(taken.begin(), taken.end(), job) != taken.end();
      REQUIRE(job->ends() == (was_taken ? 0 : 1));
      REQUIRE_FALSE(job->told_after_end());
    }
  }
}

TEST_CASE("among many threads every job is run or refused exactly once", "[job_queue][random][threads]") {
  StreamPool streams(1, [] { return make_cpu_stream(Backend::serial); });
  MemoryPool memory(cpu_allocator(), {});
  WorkerResources resources{streams, memory, allocate_host, 0};
  constexpr int kPushers = 3, kPoppers = 3, kJobsEach = 40;
  for (unsigned schedule = 0; schedule < 60; ++schedule) {
    const unsigned seed = Catch::rngSeed() + schedule;
    CAPTURE(schedule, seed);
    JobQueue queue({.jobs = 20, .bytes = 1000});
    std::vector<Jobs> accepted(kPushers);
    std::atomic<std::int64_t> most_jobs = 0;

    const auto push_jobs = [&](unsigned pusher) {
      Random random(seed * 31 + pusher);
      for (int i = 0; i < kJobsEach; ++i) {
        auto job = std::make_shared<FakeJob>(static_cast<int>(random() % 3), std::nullopt, random() % 100);
        if (random() % 4 == 0) job->deadline = Clock::now() + std::chrono::microseconds(random() % 500);
        try {
          queue.push(job);
        } catch (const Error&) {
          continue;  // full: not ours to answer
        }
        accepted[pusher].push_back(job);
        if (random() % 8 == 0) job->cancel.cancel();
        if (random() % 8 == 0) queue.remove(*job, Error(Code::cancelled, "removed"));
      }
    };
    const auto run_jobs = [&] {
      while (const shared_ptr<Job> job = queue.pop()) {
        for (auto seen = most_jobs.load(); seen < static_cast<std::int64_t>(queue.size());)
          if (most_jobs.compare_exchange_weak(seen, static_cast<std::int64_t>(queue.size()))) break;
        job->run(resources);
      }
    };
    {
      std::jthread timer([&] {
        while (queue.wait_for_change(queue.refuse_expired())) {
        }
      });
      std::vector<std::jthread> poppers;
      for (int i = 0; i < kPoppers; ++i) poppers.emplace_back(run_jobs);
      {
        std::vector<std::jthread> pushers;
        for (unsigned i = 0; i < kPushers; ++i) pushers.emplace_back(push_jobs, i);
      }
      queue.close();
    }
    REQUIRE(most_jobs <= 20);
    REQUIRE(queue.size() == 0);
    REQUIRE(queue.bytes() == 0);
    for (const Jobs& jobs : accepted)
      for (const auto& job : jobs) {
        REQUIRE(job->ends() == 1);
        REQUIRE_FALSE(job->told_after_end());
      }
  }
}

}  // namespace job_queue_random_test
