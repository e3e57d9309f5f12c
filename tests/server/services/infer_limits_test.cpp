#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>

#include <future>

#include "tests/server/services/infer_caller.h"
#include "tests/support/catch.h"

namespace infer_limits_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;
using inference::ModelInferRequest;
using inference::ModelInferResponse;

TEST_CASE("the timeout parameter, in microseconds, ends a job that waits") {
  Gate gate;
  const ServerFixture server(gate);
  auto running = std::async(std::launch::async, [&] { return infer(server, float_request()); });
  gate.wait_for_arrivals(1);
  ModelInferRequest request = float_request();
  (*request.mutable_parameters())["timeout"].set_int64_param(20'000);
  CHECK(infer(server, request).status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
  gate.open();
  CHECK(running.get().status.ok());
}

TEST_CASE("a cancelled inference frees its worker and what it held") {
  Gate gate;
  const ServerFixture server(gate);
  grpc::ClientContext context;
  auto caller = std::async(std::launch::async, [&] {
    ModelInferResponse response;
    return server.kserve()->ModelInfer(&context, float_request(), &response);
  });
  gate.wait_for_arrivals(1);
  context.TryCancel();
  CHECK(caller.get().error_code() == grpc::StatusCode::CANCELLED);
  server.wait_idle();
  CHECK(server.app->admission().bytes() == 0);
  gate.open();
  CHECK(infer(server, float_request()).status.ok());
}

/// A ModelInfer whose answer is not read, but for its headers.
class UnreadCall {
 public:
  UnreadCall(const ServerFixture& server, const ModelInferRequest& request)
      : stub_(server.channel),
        call_(stub_.PrepareCall(&context_, "/inference.GRPCInferenceService/ModelInfer", &queue_)) {
    const grpc::Slice message(request.SerializeAsString());
    call_->StartCall(this);
    wait();
    call_->WriteLast(grpc::ByteBuffer(&message, 1), grpc::WriteOptions(), this);
    wait();
    call_->ReadInitialMetadata(this);
    wait();
  }
  grpc::Status cancel() {
    context_.TryCancel();
    grpc::Status status;
    call_->Finish(&status, this);
    wait();
    return status;
  }

 private:
  void wait() {
    void* tag = nullptr;
    bool ok = false;
    REQUIRE(queue_.Next(&tag, &ok));
  }

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  grpc::GenericStub stub_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
};

TEST_CASE("an inference that is cancelled while its answer is sent counts as cancelled there") {
  const ServerFixture server;
  constexpr int size = 256;  // 48 MiB of answer, far beyond what gRPC takes before the client reads
  ModelInferRequest request = request_of("UINT8", std::string(std::size_t{size} * size * size / 2, '\1'));
  request.mutable_inputs(0)->clear_shape();
  for (const int axis : {1, size, size, size / 2}) request.mutable_inputs(0)->add_shape(axis);
  UnreadCall call(server, request);
  CHECK(call.cancel().error_code() == grpc::StatusCode::CANCELLED);
  server.wait_idle();
  const std::string metrics = server.app->records().metrics.text({});
  CHECK_THAT(metrics, Contains("voxd_calls_ended_early_total{cause=\"cancelled\",stage=\"send\"} 1"));
}

TEST_CASE("an inference is refused on its headers when the server has enough to do") {
  Settings settings;
  settings.queue_jobs = 1;
  Gate gate;
  const ServerFixture server(gate, settings);
  auto running = std::async(std::launch::async, [&] { return infer(server, float_request()); });
  gate.wait_for_arrivals(1);
  CHECK(infer(server, float_request()).status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  gate.open();
  CHECK(running.get().status.ok());
}

TEST_CASE("what the client announces is what it may send") {
  const ServerFixture server;
  ModelInferRequest request = request_of("UINT8", std::string(std::size_t{3} << 20, '\1'));
  request.mutable_inputs(0)->clear_shape();
  for (const int axis : {1, 3, 1024, 1024}) request.mutable_inputs(0)->add_shape(axis);
  const auto status_with = [&](const char* announced) {
    grpc::ClientContext context;
    context.AddMetadata("x-volume-bytes", announced);
    ModelInferResponse response;
    return server.kserve()->ModelInfer(&context, request, &response);
  };
  CHECK(status_with("3145728").ok());
  CHECK(status_with("1000").error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(status_with("many").error_code() == grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("a message beyond the limit is refused by the transport") {
  Settings settings;
  settings.max_image_bytes = 1000;
  const ServerFixture server(settings);
  const Answer answer = infer(server, request_of("UINT8", std::string(std::size_t{2} << 20, 'x')));
  CHECK(answer.status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK_THAT(answer.status.error_message(), Contains("larger than max"));
}

TEST_CASE("a compressed request is refused") {
  const ServerFixture server;
  grpc::ClientContext context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  ModelInferResponse response;
  const grpc::Status status = server.kserve()->ModelInfer(&context, float_request(), &response);
  CHECK(status.error_code() == grpc::StatusCode::UNIMPLEMENTED);
  CHECK_THAT(status.error_message(), Contains("gzip"));
}

}  // namespace infer_limits_test
