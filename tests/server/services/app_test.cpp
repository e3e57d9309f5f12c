#include "server/app.h"

#include <grpcpp/create_channel.h>

#include <future>
#include <thread>

#include "tests/server/services/health_client.h"
#include "tests/server/services/server_fixture.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace app_test {

using namespace voxd;
using namespace voxd::test;

namespace {

std::unique_ptr<ModelRepository> no_models() { return std::make_unique<ModelRepository>(std::vector<Model>{}); }

Settings on_any_port() {
  Settings settings;
  settings.addresses = {"127.0.0.1:0"};
  settings.threads = 1;
  return settings;
}

// The code of the error that `make` throws, and its text.
template <class Make>
std::string error_of(Make make, Code code) {
  try {
    make();
  } catch (const Error& error) {
    CHECK(error.code() == code);
    return error.what();
  }
  FAIL("nothing was thrown");
  return {};
}

}  // namespace

TEST_CASE("health says SERVING for the server, its services and its models, and nothing of others") {
  const ServerFixture server;
  for (const char* name : {"", "voxd.v1.Segmentation", "inference.GRPCInferenceService", "fake"})
    CHECK(health_of(server.channel, name) == "SERVING");
  CHECK(health_of(server.channel, "nothing") == "NOT_FOUND");
}

TEST_CASE("a model that names a typical image has run on one of that size before the server is ready") {
  const auto pipeline = std::make_shared<FakePipeline>();
  pipeline->description_.warm_up_image = Int3{5, 4, 3};
  const auto serves = [&] {
    const App app(on_any_port(), std::make_unique<ModelRepository>(std::vector<Model>{{"fake", "1", pipeline}}));
    return health_of(connect(app), "fake") == "SERVING";
  };
  CHECK(serves());
  CHECK(pipeline->runs == 1);
  pipeline->fails = true;
  CHECK(serves());
  CHECK(pipeline->runs == 2);
}

TEST_CASE("a server without a ready model says NOT_SERVING") {
  const App app(on_any_port(), no_models());
  CHECK(health_of(connect(app)) == "NOT_SERVING");
}

TEST_CASE("draining finishes what was accepted, in whatever phase, and refuses what is new") {
  Gate gate;
  const ServerFixture server(gate);
  const std::string image = small_image();
  std::vector<std::unique_ptr<SegmentCaller>> callers;
  const auto accepted_caller = [&]() -> SegmentCaller& {
    callers.push_back(std::make_unique<SegmentCaller>(server.channel));
    callers.back()->send(open_for(image));
    REQUIRE(callers.back()->wait_for_accepted());
    return *callers.back();
  };
  const auto upload = [&](SegmentCaller& caller) {
    caller.send("p", 0, image);
    caller.end_upload();
  };
  upload(accepted_caller());
  gate.wait_for_arrivals(1);
  SegmentCaller& waiting = accepted_caller();
  upload(waiting);
  REQUIRE(waiting.wait_for(v1::Progress::QUEUE));
  SegmentCaller& uploading = accepted_caller();

  std::future<bool> drained = std::async(std::launch::async, [&] { return server.app->drain(); });
  while (!server.app->admission().closed()) std::this_thread::yield();
  CHECK(health_of(server.channel) == "NOT_SERVING");
  CHECK(health_of(server.channel, "fake") == "NOT_SERVING");
  CHECK(segment(server.channel, open_for(image), image).status.error_code() == grpc::StatusCode::UNAVAILABLE);
  CHECK(drained.wait_for(std::chrono::milliseconds(0)) == std::future_status::timeout);

  upload(uploading);
  gate.open();
  for (const auto& caller : callers) CHECK(caller->finish().status.ok());
  CHECK(drained.get());
  CHECK(server.pipeline->runs == 3);
}

TEST_CASE("draining under load loses no accepted call") {
  Settings settings;
  settings.workers = 2;
  const ServerFixture server(settings);
  const std::string image = small_image();
  std::atomic<int> accepted{0}, answered{0}, lost{0};
  std::vector<std::jthread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      const auto channel = connect(*server.app);
      for (;;) {
        const SegmentOutcome outcome = segment(channel, open_for(image), image);
        if (outcome.accepted) ++accepted;
        if (outcome.status.ok()) ++answered;
        if (outcome.accepted && !outcome.status.ok()) ++lost;
        if (!outcome.status.ok()) return;
      }
    });
  }
  while (answered < 20) std::this_thread::yield();
  CHECK(server.app->drain());
  callers.clear();
  CHECK(lost == 0);
  CHECK(answered == accepted);
}

TEST_CASE("what is still running at the end of the drain timeout, or at a second signal, is cancelled") {
  Settings settings = on_any_port();
  std::stop_source second_signal;
  SECTION("timeout") { settings.drain_timeout_s = 0.05; }
  SECTION("second signal") { second_signal.request_stop(); }
  Gate gate;
  const ServerFixture server(gate, settings);
  const std::string image = small_image();
  SegmentCaller caller(server.channel);
  caller.send_all(open_for(image), image);
  gate.wait_for_arrivals(1);
  CHECK_FALSE(server.app->drain(second_signal.get_token()));
  CHECK_FALSE(caller.finish().status.ok());
  CHECK(server.app->admission().calls() == 0);
}

TEST_CASE("the port file holds the bound port, whole, once the server serves") {
  const TemporaryFolder folder;
  Settings settings = on_any_port();
  settings.port_file = folder.path() / "port";
  const App app(settings, no_models());
  CHECK(read_file(settings.port_file) == std::to_string(app.ports().at(0)) + "\n");
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path())) ++files;
  CHECK(files == 1);
}

TEST_CASE("a port file that cannot be written is refused by name") {
  Settings settings = on_any_port();
  settings.port_file = "/nonexistent/folder/port";
  CHECK(error_of([&] { App(settings, no_models()); }, Code::invalid_argument).find("--port-file") == 0);
}

TEST_CASE("an address in use is refused by name, even by a second server of ours") {
  const App first(on_any_port(), no_models());
  Settings settings;
  settings.addresses = {"127.0.0.1:" + std::to_string(first.ports().at(0))};
  const std::string text = error_of([&] { App(settings, no_models()); }, Code::unavailable);
  CHECK(text.find("--address: '" + settings.addresses[0] + "'") == 0);
}

TEST_CASE("a unix socket serves as a port does, for its owner and group") {
  const TemporaryFolder folder;
  Settings settings;
  settings.addresses = {"unix:" + (folder.path() / "voxd.sock").string()};
  const App app(settings, no_models());
  CHECK(app.ports().empty());
  CHECK(health_of(grpc::CreateChannel(settings.addresses[0], grpc::InsecureChannelCredentials())) == "NOT_SERVING");
  const auto permissions = std::filesystem::status(folder.path() / "voxd.sock").permissions();
  CHECK((permissions & std::filesystem::perms::others_all) == std::filesystem::perms::none);
}

TEST_CASE("a CUDA device that is not there is refused in one line") {
  if (cuda_device_count() > 0) return;
  Settings settings = on_any_port();
  settings.device = {true, 0};
  const std::string text = error_of([&] { App(settings, no_models()); }, Code::failed_precondition);
  CHECK(text.find("--device: cuda") == 0);
  CHECK(text.find('\n') == std::string::npos);
}

}  // namespace app_test
