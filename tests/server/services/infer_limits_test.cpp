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
