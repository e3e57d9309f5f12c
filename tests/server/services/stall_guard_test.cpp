#include "server/stall_guard.h"

#include <atomic>
#include <future>
#include <vector>

#include "tests/server/services/server_fixture.h"
#include "tests/support/catch.h"

using namespace voxd;
using namespace voxd::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

TEST_CASE("who does nothing when its time has come is found, once, and not before") {
  StallGuard guard(20ms);
  std::promise<Clock::time_point> stalled;
  const auto watch = guard.watch([&] { stalled.set_value(Clock::now()); });
  const Clock::time_point start = Clock::now();
  watch->feed(10ms);
  CHECK(stalled.get_future().get() >= start + 30ms);
}

TEST_CASE("who rests, feeds or has gone is left alone") {
  std::atomic<int> wrong = 0;
  StallGuard guard(1ms);
  const auto resting = guard.watch([&] { ++wrong; });
  const auto fed_for_long = guard.watch([&] { ++wrong; });
  auto gone = guard.watch([&] { ++wrong; });
  resting->feed(1h);
  resting->rest();
  fed_for_long->feed(1h);
  gone->feed(1h);
  gone.reset();
  // Others come due meanwhile.
  for (int i = 0; i < 20; ++i) {
    std::promise<void> stalled;
    const auto watch = guard.watch([&] { stalled.set_value(); });
    watch->feed();
    stalled.get_future().wait();
  }
  CHECK(wrong == 0);
}

TEST_CASE("a guard without patience never says that anyone stalls") {
  StallGuard guard(0s);
  const auto watch = guard.watch([] { FAIL("said so"); });
  watch->feed();
  StallGuard other(1ms);
  std::promise<void> later;
  const auto clock = other.watch([&] { later.set_value(); });
  clock->feed(5ms);
  later.get_future().wait();
}

TEST_CASE("a watch may die while it is called, on either thread") {
  StallGuard guard(1ms);
  for (int i = 0; i < 50; ++i) {
    std::unique_ptr<StallGuard::Watch> watch;
    std::promise<void> called;
    std::mutex mutex;
    {
      const std::lock_guard lock(mutex);
      watch = guard.watch([&] {
        const std::lock_guard inner(mutex);
        if (i % 2 == 0) watch.reset();
        called.set_value();
      });
      watch->feed();
    }
    called.get_future().wait();
    const std::lock_guard lock(mutex);
    watch.reset();
  }
}

TEST_CASE("an upload that stops is ended and gives back what it holds") {
  Settings settings;
  settings.stall_timeout_s = 0.1;
  const ServerFixture server(settings);
  const std::string image = small_image();
  SECTION("of Segment") {
    SegmentCaller caller(server.channel);
    caller.send(open_for(image));
    REQUIRE(caller.wait_for_accepted());
    caller.send("p", 0, image.substr(0, 10));
    const grpc::Status status = caller.finish().status;
    CHECK(status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
    CHECK_THAT(status.error_message(), Contains("upload") && Contains("--stall-timeout"));
  }
  SECTION("of Segment, before its first message") {
    grpc::ClientContext context;
    const auto stub = server.segmentation();
    const auto stream = stub->Segment(&context);
    v1::SegmentEvent event;
    CHECK_FALSE(stream->Read(&event));
    CHECK(stream->Finish().error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
  }
  server.wait_idle();
  CHECK(server.app->admission().bytes() == 0);
  CHECK(segment(server.channel, open_for(image), image).status.ok());
}

TEST_CASE("a job that waits or runs for long is not the caller's stalling") {
  Settings settings;
  settings.stall_timeout_s = 0.05;
  Gate gate;
  const ServerFixture server(gate, settings);
  const std::string image = small_image();
  SegmentCaller caller(server.channel);
  caller.send_all(open_for(image), image);
  gate.wait_for_arrivals(1);
  // Another call stalls, and is ended, meanwhile.
  SegmentCaller other(connect(*server.app));
  other.send(open_for(image));
  CHECK(other.finish().status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
  gate.open();
  CHECK(caller.finish().status.ok());
}
