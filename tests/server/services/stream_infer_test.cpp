#include <future>
#include <thread>

#include "tests/server/services/infer_caller.h"
#include "tests/support/catch.h"

namespace stream_infer_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using inference::ModelInferRequest;
using inference::ModelStreamInferResponse;

namespace {

/// A ModelStreamInfer call in the client's hands.
class StreamCaller {
 public:
  explicit StreamCaller(const ServerFixture& server)
      : stub_(server.kserve()), stream_(stub_->ModelStreamInfer(&context_)) {}

  void send(const std::string& id, const ModelInferRequest& request = float_request()) { REQUIRE(write(id, request)); }
  /// send() for other threads, which may not assert.
  bool write(const std::string& id, ModelInferRequest request = float_request()) {
    request.set_id(id);
    return stream_->Write(request);
  }
  /// The next message; one must come.
  ModelStreamInferResponse receive() {
    ModelStreamInferResponse response;
    REQUIRE(stream_->Read(&response));
    return response;
  }
  /// Half-closes; nothing more may come.
  grpc::Status finish() {
    stream_->WritesDone();
    ModelStreamInferResponse more;
    CHECK_FALSE(stream_->Read(&more));
    return stream_->Finish();
  }
  grpc::ClientContext& context() { return context_; }
  grpc::ClientReaderWriter<ModelInferRequest, ModelStreamInferResponse>& stream() { return *stream_; }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<inference::GRPCInferenceService::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<ModelInferRequest, ModelStreamInferResponse>> stream_;
};

/// A request that no model of the server can take.
ModelInferRequest unknown_model() {
  ModelInferRequest request = float_request();
  request.set_model_name("nothing");
  return request;
}

std::string refused_by(const ServerFixture& server) { return infer(server, unknown_model()).status.error_message(); }

void check_idle(const ServerFixture& server) {
  server.wait_idle();
  CHECK(server.app->admission().bytes() == 0);
}

}  // namespace

TEST_CASE("each request of a stream gets one answer, in order, as ModelInfer gives it") {
  Settings settings;
  settings.workers = 2;
  const ServerFixture server(settings);
  const Answer alone = infer(server, float_request());
  StreamCaller caller(server);
  for (int i = 0; i < 20; ++i) caller.send(std::to_string(i));
  for (int i = 0; i < 20; ++i) {
    const ModelStreamInferResponse message = caller.receive();
    CHECK(message.error_message().empty());
    const inference::ModelInferResponse& response = message.infer_response();
    CHECK(response.id() == std::to_string(i));
    CHECK(response.model_name() == "fake");
    CHECK(response.model_version() == "1");
    REQUIRE(response.raw_output_contents_size() == 3);
    for (int k = 0; k < 3; ++k) CHECK(response.raw_output_contents(k) == alone.response.raw_output_contents(k));
    CHECK(response.parameters().at("triton_final_response").bool_param());
  }
  CHECK(caller.finish().ok());
  CHECK_FALSE(alone.response.parameters().contains("triton_final_response"));
  check_idle(server);
}

TEST_CASE("an answer to one request comes before the next request is sent") {
  const ServerFixture server;
  StreamCaller caller(server);
  for (const char* id : {"a", "b"}) {
    ModelInferRequest request = float_request();
    (*request.mutable_parameters())["triton_enable_empty_final_response"].set_bool_param(true);
    caller.send(id, request);
    CHECK(caller.receive().infer_response().id() == id);
  }
  CHECK(caller.finish().ok());
}

TEST_CASE("a request that fails is told so in its place, and the stream goes on") {
  const ServerFixture server;
  StreamCaller caller(server);
  caller.send("good");
  caller.send("bad", unknown_model());
  ModelInferRequest short_of_bytes = float_request();
  short_of_bytes.mutable_raw_input_contents(0)->pop_back();
  caller.send("short", short_of_bytes);
  caller.send("good again");
  CHECK(caller.receive().error_message().empty());
  const ModelStreamInferResponse bad = caller.receive();
  CHECK_THAT(bad.error_message(), StartsWith("Request for unknown model: 'nothing' is not found"));
  CHECK(bad.infer_response().id() == "bad");
  const ModelStreamInferResponse cut = caller.receive();
  CHECK_THAT(cut.error_message(), StartsWith("input byte size mismatch"));
  CHECK(cut.infer_response().id() == "short");
  CHECK(caller.receive().infer_response().id() == "good again");
  CHECK(caller.finish().ok());
  check_idle(server);
}

TEST_CASE("a run that fails is told so in its place") {
  const ServerFixture server({}, [](FakePipeline& fake) { fake.fails = true; });
  StreamCaller caller(server);
  caller.send("x");
  CHECK_THAT(caller.receive().error_message(), StartsWith("image: not to the network's liking"));
  CHECK(caller.finish().ok());
  check_idle(server);
}

TEST_CASE("a stream without a request ends well") {
  const ServerFixture server;
  StreamCaller caller(server);
  CHECK(caller.finish().ok());
}

TEST_CASE("several requests of one stream run at once") {
  Settings settings;
  settings.workers = 2;
  Gate gate;
  const ServerFixture server(gate, settings);
  StreamCaller caller(server);
  caller.send("a");
  caller.send("b");
  gate.wait_for_arrivals(2);
  gate.open();
  CHECK(caller.receive().infer_response().id() == "a");
  CHECK(caller.receive().infer_response().id() == "b");
  CHECK(caller.finish().ok());
}

TEST_CASE("a stream has eight requests in flight at most, and then is read on as answers go out") {
  Gate gate;
  const ServerFixture server(gate);
  StreamCaller caller(server);
  auto sending = std::async(std::launch::async, [&] {
    int sent = 0;
    while (sent < 20 && caller.write(std::to_string(sent))) ++sent;
    return sent;
  });
  gate.wait_for_arrivals(1);
  while (server.app->queue().size() < 7) std::this_thread::yield();
  CHECK_THAT(refused_by(server), StartsWith("Request for unknown model"));  // time in which a ninth would have come
  CHECK(server.app->queue().size() == 7);                                   // and one runs
  gate.open();
  for (int i = 0; i < 20; ++i) CHECK(caller.receive().infer_response().id() == std::to_string(i));
  CHECK(sending.get() == 20);
  CHECK(caller.finish().ok());
}

TEST_CASE("a request of a stream is admitted like any other") {
  Settings settings;
  settings.queue_jobs = 1;
  Gate gate;
  const ServerFixture server(gate, settings);
  auto running = std::async(std::launch::async, [&] { return infer(server, float_request()); });
  gate.wait_for_arrivals(1);
  StreamCaller caller(server);
  caller.send("is too much");
  CHECK_THAT(caller.receive().error_message(), StartsWith("queue is full"));
  gate.open();
  CHECK(running.get().status.ok());
  server.wait_idle();
  caller.send("is not");
  CHECK(caller.receive().error_message().empty());
  CHECK(caller.finish().ok());
  check_idle(server);
}

TEST_CASE("a cancelled stream gives up what waits and what runs") {
  Gate gate;
  const ServerFixture server(gate);
  StreamCaller caller(server);
  for (const char* id : {"a", "b", "c"}) caller.send(id);
  gate.wait_for_arrivals(1);
  caller.context().TryCancel();
  CHECK(caller.stream().Finish().error_code() == grpc::StatusCode::CANCELLED);
  check_idle(server);
  gate.open();
  CHECK(infer(server, float_request()).status.ok());
}

TEST_CASE("a stream whose deadline passes gives up what it has") {
  Gate gate;
  const ServerFixture server(gate);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(500));
  const auto stub = server.kserve();
  const auto stream = stub->ModelStreamInfer(&context);
  stream->Write(float_request());  // may come too late already, on a slow machine
  ModelStreamInferResponse message;
  while (stream->Read(&message)) CHECK_THAT(message.error_message(), Contains("deadline"));
  CHECK(stream->Finish().error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
  check_idle(server);
}

TEST_CASE("a server that stops with a stream open and a request running finishes the request first") {
  Gate gate;
  ServerFixture server(gate);
  StreamCaller caller(server);
  caller.send("running");
  gate.wait_for_arrivals(1);
  auto stopping = std::async(std::launch::async, [&] { return server.app->drain(); });
  while (!server.app->admission().closed()) std::this_thread::yield();
  caller.send("late");
  gate.open();
  CHECK(caller.receive().infer_response().id() == "running");
  CHECK_THAT(caller.receive().error_message(), StartsWith("the server is stopping"));
  CHECK(stopping.get());
}

}  // namespace stream_infer_test
