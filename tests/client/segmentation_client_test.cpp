#include "client/segmentation_client.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>
#include <thread>

#include "tests/client/client_inputs.h"
#include "tests/client/fake_server.h"
#include "tests/support/temporary_folder.h"

namespace voxd::test {
namespace {

using namespace std::chrono_literals;

TEST_CASE("every result that is asked for comes back as the server sent it", "[client]") {
  FakeServer server(echo);
  SegmentationClient client(server.address());
  const std::string image = pattern(3'500'000);
  SegmentationInput input = input_of({in_memory(image)});
  input.contour = input.preview = input.report = true;
  input.request_id = "study-17";

  const SegmentationOutcome outcome = client.segment(input);

  CHECK(outcome.mask == image);
  CHECK(outcome.contour == test::echoed_contour);
  CHECK(outcome.preview == test::echoed_preview);
  CHECK(outcome.report == test::echoed_report);
  CHECK(outcome.request_id == "study-17");
  CHECK(outcome.model_version == "3");
  CHECK(outcome.stage_ms == std::map<std::string, double>{{"decode", 12}, {"network", 5000}});
}

TEST_CASE("the first message says what is to come, part by part", "[client]") {
  v1::Open open;
  FakeServer server([&](FakeCall& call) {
    open = call.open();
    return echo(call);
  });
  const TemporaryFolder folder;
  const auto file = folder.write("t1.nii.gz", pattern(1000));
  const std::string other = pattern(10);
  SegmentationInput input = input_of({ImagePart::file(file), in_memory(other)});
  input.model_version = "2";
  input.mask = false;
  input.contour = true;
  input.priority = -4;

  const SegmentationOutcome outcome = SegmentationClient(server.address()).segment(input);

  CHECK(outcome.mask.empty());
  CHECK(open.model() == "brain");
  CHECK(open.model_version() == "2");
  CHECK(open.options().omit_mask());
  CHECK(open.options().contour());
  CHECK_FALSE(open.options().preview());
  CHECK_FALSE(open.options().report());
  CHECK(open.options().priority() == -4);
  REQUIRE(open.parts_size() == 2);
  CHECK(open.parts(0).file_name() == "t1.nii.gz");
  CHECK(open.parts(0).byte_size() == 1000);
  CHECK(open.parts(1).byte_size() == 10);
  CHECK(open.parts(0).id() != open.parts(1).id());
}

TEST_CASE("no chunk is larger than the client's or the server's limit", "[client]") {
  const auto [own, servers] =
      GENERATE(table<std::size_t, std::uint32_t>({{1000, 1 << 20}, {1 << 20, 1000}, {1000, 0}}));
  std::set<std::size_t> sizes;
  FakeServer server([&](FakeCall& call) {
    call.accept(servers);
    for (v1::Chunk chunk; call.read_chunk(chunk);) sizes.insert(chunk.data().size());
    call.answer({{v1::Result::MASK, "mask"}});
    return grpc::Status::OK;
  });
  ClientOptions options;
  options.chunk_bytes = own;
  const std::string image = pattern(2500);

  SegmentationClient(server.address(), options).segment(input_of({in_memory(image)}));

  CHECK(sizes == std::set<std::size_t>{500, 1000});
}

TEST_CASE("progress is told from the calling thread, in the server's order", "[client]") {
  FakeServer server(echo);
  const std::string image = pattern(10);
  std::vector<std::string> told;
  const auto caller = std::this_thread::get_id();
  SegmentationClient(server.address()).segment(input_of({in_memory(image)}), [&](const SegmentationProgress& progress) {
    REQUIRE(std::this_thread::get_id() == caller);
    told.push_back(std::string(progress.stage) + " " + std::to_string(progress.queue_position));
  });
  CHECK(told == std::vector<std::string>{"queue 2", "network 0"});
}

TEST_CASE("calls of one client run side by side and keep their answers apart", "[client]") {
  FakeServer server([&](FakeCall& call) {
    server.wait_begun(4);  // none ends before all have begun
    return echo(call);
  });
  SegmentationClient client(server.address());
  std::vector<std::future<bool>> right;
  for (int i = 0; i < 4; ++i)
    right.push_back(std::async(std::launch::async, [&client, i] {
      const std::string image(static_cast<std::size_t>(2'000'000 + i), static_cast<char>('a' + i));
      return client.segment(input_of({in_memory(image)})).mask == image;
    }));
  for (auto& one : right) CHECK(one.get());
}

TEST_CASE("models are listed with why one is not ready", "[client]") {
  FakeServer server(echo);
  v1::ModelInfo ready, broken;
  ready.set_name("brain");
  ready.set_version("1");
  ready.set_ready(true);
  ready.set_task("brain extraction");
  ready.set_has_probabilities(true);
  broken.set_name("spleen");
  broken.set_reason("configs/inference.json: no such file");
  server.models = {ready, broken};

  const auto models = SegmentationClient(server.address()).models();

  REQUIRE(models.size() == 2);
  CHECK(models[0].name == "brain");
  CHECK(models[0].version == "1");
  CHECK(models[0].ready);
  CHECK(models[0].task == "brain extraction");
  CHECK(models[0].has_probabilities);
  CHECK_FALSE(models[1].has_probabilities);
  CHECK_FALSE(models[1].ready);
  CHECK(models[1].reason == "configs/inference.json: no such file");
}

TEST_CASE("a server that does not serve yet is not healthy, until it does", "[client][health]") {
  FakeServer server(echo);
  server.set_serving(false);
  SegmentationClient client(server.address());
  const Error now = error_from([&] { client.health(); });
  CHECK(now.code() == Code::unavailable);
  CHECK_THAT(now.what(), Catch::Contains("NOT_SERVING"));
  CHECK_THAT(error_from([&] { client.health(1s); }).what(), Catch::Contains("NOT_SERVING") && Catch::Contains("1 s"));

  auto waiting = std::async(std::launch::async, [&] { client.health(20s); });
  server.set_serving(true);
  CHECK_NOTHROW(waiting.get());
  CHECK_NOTHROW(client.health());
}

TEST_CASE("waiting for health outlasts a server that is not there yet", "[client][health]") {
  const int port = [] { return FakeServer(echo).port(); }();
  SegmentationClient client("127.0.0.1:" + std::to_string(port));
  CHECK(error_from([&] { client.health(100ms); }).code() == Code::unavailable);
  auto waiting = std::async(std::launch::async, [&] { client.health(20s); });
  FakeServer server(echo, port);
  CHECK_NOTHROW(waiting.get());
}

}  // namespace
}  // namespace voxd::test
