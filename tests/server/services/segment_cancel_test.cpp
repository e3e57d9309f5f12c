#include <thread>

#include "tests/server/services/server_fixture.h"
#include "tests/support/catch.h"
#include "tests/support/nifti_builder.h"

namespace segment_cancel_test {

using namespace voxd;
using namespace voxd::test;

TEST_CASE("stages that last are reported while they last") {
  Gate gate;
  const ServerFixture server(gate);
  const std::string image = small_image();
  SegmentCaller caller(server.channel);
  caller.send_all(open_for(image), image);
  CHECK(caller.wait_for(v1::Progress::NETWORK));
  gate.open();
  CHECK(caller.finish().status.ok());
}

TEST_CASE("a job whose deadline passes in the queue is answered while the worker is busy") {
  Gate gate;
  const ServerFixture server(gate);
  const std::string image = small_image();
  SegmentCaller running(server.channel);
  running.send_all(open_for(image), image);
  gate.wait_for_arrivals(1);

  SegmentCaller waiting(server.channel);
  waiting.context().set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
  waiting.send_all(open_for(image), image);
  CHECK(waiting.finish().status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
  while (server.app->admission().calls() > 1) std::this_thread::yield();
  CHECK(server.app->queue().size() == 0);
  CHECK(server.app->workers().running() == 1);
  gate.open();
  CHECK(running.finish().status.ok());
  server.wait_idle();
  CHECK(server.pipeline->runs == 1);
}

TEST_CASE("a call that is cancelled frees what it holds, wherever it is") {
  Gate gate;
  const ServerFixture server(gate);
  const std::string image = small_image();
  SegmentCaller caller(server.channel);
  std::optional<SegmentCaller> other;
  SECTION("before the open message") { caller.context().TryCancel(); }
  SECTION("while it uploads") {
    caller.send(open_for(image));
    REQUIRE(caller.wait_for_accepted());
    caller.send("p", 0, image.substr(0, 10));
  }
  SECTION("while it waits in the queue") {
    other.emplace(server.channel);
    other->send_all(open_for(image), image);
    gate.wait_for_arrivals(1);
    caller.send_all(open_for(image), image);
    REQUIRE(caller.wait_for(v1::Progress::QUEUE));
  }
  SECTION("while it runs") {
    caller.send_all(open_for(image), image);
    gate.wait_for_arrivals(1);
  }
  caller.context().TryCancel();
  caller.end_upload();
  CHECK(caller.finish().status.error_code() == grpc::StatusCode::CANCELLED);
  while (server.app->admission().calls() > (other ? 1 : 0)) std::this_thread::yield();
  if (other) {
    CHECK(server.pipeline->runs == 1);
    gate.open();
    CHECK(other->finish().status.ok());
  }
  server.wait_idle();
  CHECK(server.app->admission().bytes() == 0);
  gate.open();
  CHECK(segment(server.channel, open_for(image), image).status.ok());
}

TEST_CASE("a caller that is cancelled while results are sent leaves nothing behind") {
  const ServerFixture server;
  NiftiSpec spec;
  spec.ramp(160, 160, 160);
  for (std::size_t i = 0; i < spec.values.size(); ++i)
    spec.values[i] = static_cast<double>((i * 2654435761u) >> 16 & 1);
  const std::vector<std::byte> bytes = nifti_bytes(spec);
  const std::string image(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  SegmentCaller caller(server.channel);
  caller.send(open_for(image));
  for (std::size_t offset = 0; offset < image.size(); offset += 1u << 20)
    caller.send("p", offset, image.substr(offset, 1u << 20));
  caller.end_upload();
  REQUIRE(caller.wait_for_accepted());
  while (server.pipeline->runs == 0) std::this_thread::yield();
  while (server.app->workers().running() > 0) std::this_thread::yield();
  caller.context().TryCancel();
  caller.finish();
  server.wait_idle();
  CHECK(server.app->admission().bytes() == 0);
}

}  // namespace segment_cancel_test
