#include "server/caller.h"

#include "tests/server/services/server_fixture.h"
#include "tests/support/catch.h"

namespace caller_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

TEST_CASE("a caller without a name is its address, without the port") {
  CHECK(host_of_peer("ipv4:192.0.2.7:50710") == "192.0.2.7");
  CHECK(host_of_peer("ipv6:[2001:db8::1]:50710") == "[2001:db8::1]");
  CHECK(host_of_peer("ipv6:%5B::1%5D:9") == "%5B::1%5D");
  CHECK(host_of_peer("unix:/run/voxd.sock") == "unix");
  CHECK(host_of_peer("unix:") == "unix");
  CHECK(host_of_peer("") == "");
}

TEST_CASE("a traceparent gives its trace, a malformed one none") {
  const std::string trace = "4bf92f3577b34da6a3ce929d0e0e4736";
  const std::string parent = "00f067aa0ba902b7";
  CHECK(trace_id("00-" + trace + "-" + parent + "-01") == trace);
  CHECK(trace_id("cc-" + trace + "-" + parent + "-01-what-comes-later") == trace);
  for (const std::string& bad :
       {std::string(), "00-" + trace + "-" + parent, "00-" + trace + "-" + parent + "-01-more",
        "ff-" + trace + "-" + parent + "-01", "00-" + std::string(32, '0') + "-" + parent + "-01",
        "00-" + trace + "-" + std::string(16, '0') + "-01", "00-4BF92F3577B34DA6A3CE929D0E0E4736-" + parent + "-01",
        "00_" + trace + "-" + parent + "-01", "0x-" + trace + "-" + parent + "-01",
        "cc-" + trace + "-" + parent + "-01x"})
    CHECK(trace_id(bad).empty());
}

TEST_CASE("a client's name that cannot be one is refused") {
  const ServerFixture server;
  const std::string image = small_image();
  for (const std::string& name : {std::string(65, 'x'), std::string("with space"), std::string()}) {
    SegmentCaller caller(server.channel);
    caller.context().AddMetadata("x-voxd-client", name);
    caller.send(open_for(image));
    const grpc::Status status = caller.finish().status;
    CHECK(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
    CHECK_THAT(status.error_message(), Contains("x-voxd-client"));
  }
}

}  // namespace caller_test
