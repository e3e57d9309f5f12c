#include "client/segmentation_client.h"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <set>
#include <thread>

#include "tests/client/fake_server.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace voxd {
namespace {

using test::echo;
using test::FakeCall;
using test::FakeServer;
using test::TemporaryFolder;
using namespace std::chrono_literals;

std::string pattern(std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(i * 7 + i / 251);
  return bytes;
}

ImagePart in_memory(const std::string& bytes) {
  return ImagePart::memory("image.nii", std::as_bytes(std::span(bytes)));
}

SegmentationInput input_of(std::vector<ImagePart> parts) {
  SegmentationInput input;
  input.model = "brain";
  input.parts = std::move(parts);
  return input;
}

/// The Error that `act` throws; fails the test if there is none.
template <class Act>
Error error_from(Act&& act) {
  try {
    act();
  } catch (const Error& error) {
    return error;
  }
  FAIL("no error was thrown");
  throw std::logic_error("unreachable");
}

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

TEST_CASE("a refusal arrives with its code and text, and the image is not even opened", "[client]") {
  const TemporaryFolder folder;
  const auto file = folder.write("head.nii", pattern(5'000'000));
  FakeServer server([&](FakeCall&) {
    std::filesystem::remove(file);
    return grpc::Status(grpc::StatusCode::NOT_FOUND, "Request for unknown model: 'brain' is not found");
  });
  const Error error =
      error_from([&] { SegmentationClient(server.address()).segment(input_of({ImagePart::file(file)})); });
  CHECK(error.code() == Code::not_found);
  CHECK(error.what() == std::string("Request for unknown model: 'brain' is not found"));
}

TEST_CASE("an error in the middle of the upload ends the call with the server's reason", "[client]") {
  FakeServer server([](FakeCall& call) {
    call.accept();
    v1::Chunk chunk;
    call.read_chunk(chunk);
    return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "queue: 64 jobs, at most 64");
  });
  const std::string image(std::size_t{64} << 20, 'x');
  const Error error = error_from([&] { SegmentationClient(server.address()).segment(input_of({in_memory(image)})); });
  CHECK(error.code() == Code::resource_exhausted);
  CHECK(error.what() == std::string("queue: 64 jobs, at most 64"));
}

TEST_CASE("a stop request ends the call on both sides", "[client]") {
  FakeServer server([](FakeCall& call) {
    call.accept();
    call.progress(v1::Progress::QUEUE, 0);
    return call.wait_cancelled();
  });
  // Once with the upload stuck in flow control, once with it long done.
  const std::string image(GENERATE(std::size_t{64} << 20, std::size_t{10}), 'x');
  std::stop_source stop;
  const Error error = error_from([&] {
    SegmentationClient(server.address())
        .segment(
            input_of({in_memory(image)}), [&](const SegmentationProgress&) { stop.request_stop(); }, stop.get_token());
  });
  CHECK(error.code() == Code::cancelled);
  server.wait_ended(1);
}

TEST_CASE("a call whose stop was requested before it began reaches no server", "[client]") {
  std::atomic<bool> accepted = false;
  FakeServer server([&](FakeCall& call) {
    accepted = true;
    return echo(call);
  });
  const std::string image = pattern(10);
  std::stop_source stop;
  stop.request_stop();
  const Error error = error_from(
      [&] { SegmentationClient(server.address()).segment(input_of({in_memory(image)}), {}, stop.get_token()); });
  CHECK(error.code() == Code::cancelled);
  CHECK_FALSE(accepted);
}

TEST_CASE("the time limit ends the call on both sides and is named", "[client]") {
  FakeServer server([](FakeCall& call) {
    call.accept();
    return call.wait_cancelled();
  });
  const std::string image = pattern(10);
  SegmentationInput input = input_of({in_memory(image)});
  input.timeout = 1s;
  SegmentationClient client(server.address());
  client.health();  // connected: the limit is spent on the call
  const Error error = error_from([&] { client.segment(input); });
  CHECK(error.code() == Code::deadline_exceeded);
  CHECK(error.what() == std::string("no answer within 1 s"));
  server.wait_ended(1);
}

TEST_CASE("a time limit of a thousand years is no time limit", "[client]") {
  FakeServer server(echo);
  const std::string image = pattern(10);
  SegmentationInput input = input_of({in_memory(image)});
  input.timeout = std::chrono::milliseconds::max();
  CHECK(SegmentationClient(server.address()).segment(input).mask == image);
}

TEST_CASE("what the progress callback throws ends the call and comes out of it", "[client]") {
  FakeServer server([](FakeCall& call) {
    call.accept();
    call.progress(v1::Progress::QUEUE, 0);
    return call.wait_cancelled();
  });
  const std::string image = pattern(10);
  SegmentationClient client(server.address());
  CHECK_THROWS_WITH(client.segment(input_of({in_memory(image)}),
                                   [](const SegmentationProgress&) { throw std::runtime_error("enough"); }),
                    "enough");
  server.wait_ended(1);
}

TEST_CASE("a file that shrinks while it is sent ends the call on both sides", "[client]") {
  const TemporaryFolder folder;
  const auto file = folder.write("head.nii", pattern(5'000'000));
  FakeServer server([&](FakeCall& call) {
    std::filesystem::resize_file(file, 100);
    call.accept();
    return call.wait_cancelled();
  });
  const Error error =
      error_from([&] { SegmentationClient(server.address()).segment(input_of({ImagePart::file(file)})); });
  CHECK(error.code() == Code::data_loss);
  CHECK_THAT(error.what(), Catch::Contains("head.nii") && Catch::Contains("5000000"));
  server.wait_ended(1);
}

TEST_CASE("an image that cannot be sent is refused before the server is asked", "[client]") {
  const TemporaryFolder folder;
  SegmentationClient client("127.0.0.1:1");
  CHECK(error_from([&] { client.segment(input_of({})); }).code() == Code::invalid_argument);
  CHECK(error_from([&] { client.segment(input_of({ImagePart::file(folder.path() / "absent")})); }).code() ==
        Code::not_found);
  CHECK(error_from([&] { client.segment(input_of({ImagePart::file(folder.path())})); }).code() ==
        Code::invalid_argument);
}

TEST_CASE("without a server every call says so with the address", "[client]") {
  const std::string address = [] { return FakeServer(echo).address(); }();
  const std::string image = pattern(10);
  SegmentationClient client(address);
  for (const Error& error : {error_from([&] { client.segment(input_of({in_memory(image)})); }),
                             error_from([&] { client.models(); }), error_from([&] { client.health(); })}) {
    CHECK(error.code() == Code::unavailable);
    CHECK_THAT(error.what(), Catch::Contains(address));
  }
}

TEST_CASE("a server that dies during a call is reported, and the client works again once it is back", "[client]") {
  std::promise<void> accepted;
  auto server = std::make_unique<FakeServer>([&](FakeCall& call) {
    call.accept();
    accepted.set_value();
    return call.wait_cancelled();
  });
  const std::string image = pattern(10);
  SegmentationClient client(server->address());
  std::jthread killer([&] {
    accepted.get_future().wait();
    server->stop();
  });
  const Error error = error_from([&] { client.segment(input_of({in_memory(image)})); });
  CHECK((error.code() == Code::unavailable || error.code() == Code::cancelled));
  killer.join();

  const int port = server->port();
  server = std::make_unique<FakeServer>(echo, port);
  client.health(20s);
  CHECK(client.segment(input_of({in_memory(image)})).mask == image);
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

TEST_CASE("an incomplete answer is an error although the status is OK", "[client]") {
  FakeServer server([](FakeCall& call) {
    call.accept();
    call.read_parts();
    return grpc::Status::OK;
  });
  const std::string image = pattern(10);
  const Error error = error_from([&] { SegmentationClient(server.address()).segment(input_of({in_memory(image)})); });
  CHECK(error.code() == Code::data_loss);
}

TEST_CASE("models are listed with why one is not ready", "[client]") {
  FakeServer server(echo);
  v1::ModelInfo ready, broken;
  ready.set_name("brain");
  ready.set_version("1");
  ready.set_ready(true);
  ready.set_task("brain extraction");
  broken.set_name("spleen");
  broken.set_reason("configs/inference.json: no such file");
  server.models = {ready, broken};

  const auto models = SegmentationClient(server.address()).models();

  REQUIRE(models.size() == 2);
  CHECK(models[0].name == "brain");
  CHECK(models[0].version == "1");
  CHECK(models[0].ready);
  CHECK(models[0].task == "brain extraction");
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
}  // namespace voxd
