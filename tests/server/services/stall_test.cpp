#include "server/stall_guard.h"

#include "tests/server/services/server_fixture.h"
#include "tests/support/catch.h"

namespace stall_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

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

}  // namespace stall_test
