#include <thread>

#include "tests/server/services/server_fixture.h"
#include "tests/support/catch.h"

// Hidden: run by name to prove that ThreadSanitizer watches this program, gRPC's suppressions or not. It must report
// the counter, and so fail.
TEST_CASE("a planted race between a caller and a worker is reported", "[.planted_race]") {
  voxd::test::ServerFixture server;
  int counter = 0;
  server.pipeline->during_network = [&counter](const voxd::JobContext&) { ++counter; };
  const std::string image = voxd::test::small_image();
  voxd::test::SegmentCaller caller(server.channel);
  caller.send(voxd::test::open_for(image));
  caller.send("p", 0, image);
  caller.end_upload();
  {
    const std::jthread other([&counter] { ++counter; });
    ++counter;
  }
  CHECK(caller.finish().status.ok());
  CHECK(counter > 0);
}
