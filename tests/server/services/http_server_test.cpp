#include "server/http_server.h"

#include <httplib.h>

#include "gpu_transforms/volume/error.h"
#include "tests/server/services/server_fixture.h"
#include "tests/support/catch.h"

namespace http_server_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

namespace {

Settings with_http() {
  Settings settings;
  settings.metrics_address = "127.0.0.1:0";
  return settings;
}

httplib::Client client_of(const App& app) { return httplib::Client("127.0.0.1", app.metrics_port()); }

}  // namespace

TEST_CASE("an operator sees over HTTP that the server lives, is ready, and what it has done") {
  const ServerFixture server(with_http());
  const std::string image = small_image();
  CHECK(segment(server.channel, open_for(image), image).status.ok());
  server.wait_idle();
  httplib::Client client = client_of(*server.app);
  CHECK(client.Get("/livez")->status == 200);
  CHECK(client.Get("/readyz")->status == 200);
  const auto metrics = client.Get("/metrics");
  CHECK(metrics->status == 200);
  CHECK_THAT(metrics->get_header_value("Content-Type"), Contains("version=0.0.4"));
  CHECK_THAT(metrics->body, Contains("voxd_calls_total{code=\"OK\",rpc=\"Segment\"} 1"));
  CHECK_THAT(metrics->body, Contains("voxd_model_ready{model=\"fake\",version=\"1\"} 1"));
  CHECK(client.Get("/v2/health")->status == 404);
  CHECK(client.Post("/metrics", std::string(1 << 20, 'x'), "text/plain")->status >= 400);
  CHECK(client.Get("/livez")->status == 200);
}

TEST_CASE("a server that stops says so over HTTP first and takes calls until the delay is over") {
  Settings settings = with_http();
  settings.drain_delay_s = 3600;
  const ServerFixture server(settings);
  const std::string image = small_image();
  std::stop_source second_signal;
  std::jthread drain([&] { server.app->drain(second_signal.get_token()); });
  httplib::Client client = client_of(*server.app);
  while (client.Get("/readyz")->status == 200) std::this_thread::yield();
  CHECK(client.Get("/livez")->status == 200);
  CHECK(segment(server.channel, open_for(image), image).status.ok());
  second_signal.request_stop();
  drain.join();
  CHECK(server.app->admission().closed());
}

TEST_CASE("an address that is taken is refused with its setting") {
  const HttpServer first("127.0.0.1:0", {[] { return true; }, [] { return std::string(); }});
  const std::string address = "127.0.0.1:" + std::to_string(first.port());
  CHECK_THROWS_WITH(HttpServer(address, {}), Contains("--metrics-address: '" + address + "'"));
}

}  // namespace http_server_test
