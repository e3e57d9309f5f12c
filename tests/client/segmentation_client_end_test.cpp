// How calls end that do not end well.

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

}  // namespace
}  // namespace voxd::test
