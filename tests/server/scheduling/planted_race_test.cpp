#include <latch>

#include "server/workers.h"
#include "tests/server/scheduling/fake_job.h"
#include "tests/support/catch.h"

using namespace voxd;
using namespace voxd::test;

// Hidden: run by name to prove that ThreadSanitizer watches this program. It must report the counter, and so fail.
TEST_CASE("a planted race between two jobs is reported", "[.planted_race]") {
  StreamPool streams(1, [] { return make_cpu_stream(Backend::serial); });
  MemoryPool memory(cpu_allocator(), {});
  JobQueue queue({});
  int counter = 0;
  {
    std::latch both(2);  // so that two threads have a hand in it
    Workers workers(queue, {streams, memory, allocate_host, 0}, {.count = 2, .on_start = {}});
    for (int i = 0; i < 2; ++i) {
      const auto job = std::make_shared<FakeJob>();
      job->on_run = [&](WorkerResources&) {
        both.arrive_and_wait();
        for (int step = 0; step < 1000; ++step) ++counter;
      };
      queue.push(job);
    }
  }
  CHECK(counter > 0);
}
