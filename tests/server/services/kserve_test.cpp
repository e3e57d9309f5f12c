#include <grpcpp/generic/generic_stub.h>

#include <future>
#include <set>

#include "tests/server/services/server_fixture.h"
#include "tests/support/catch.h"

namespace kserve_test {

using namespace voxd;
using namespace voxd::test;

namespace {

using Stub = inference::GRPCInferenceService::Stub;

template <class Request, class Response>
grpc::Status call(const ServerFixture& server,
                  grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*), const Request& request,
                  Response& response) {
  grpc::ClientContext context;
  return (server.kserve().get()->*method)(&context, request, &response);
}

inference::ModelMetadataRequest metadata_request(const std::string& name) {
  inference::ModelMetadataRequest request;
  request.set_name(name);
  return request;
}

void infer(const ServerFixture& server, bool good) {
  inference::ModelInferRequest request;
  request.set_model_name("fake");
  auto& input = *request.add_inputs();
  input.set_name("INPUT0");
  input.set_datatype("UINT8");
  for (int i = 0; i < 4; ++i) input.add_shape(1);
  request.add_raw_input_contents("x");
  server.pipeline->fails = !good;
  grpc::ClientContext context;
  inference::ModelInferResponse response;
  CHECK(server.kserve()->ModelInfer(&context, request, &response).ok() == good);
  server.wait_idle();
}

}  // namespace

TEST_CASE("the server is live, and ready while a model is and it is not stopping") {
  const ServerFixture server;
  inference::ServerLiveResponse live;
  REQUIRE(call(server, &Stub::ServerLive, inference::ServerLiveRequest(), live).ok());
  CHECK(live.live());
  inference::ServerReadyResponse ready;
  REQUIRE(call(server, &Stub::ServerReady, inference::ServerReadyRequest(), ready).ok());
  CHECK(ready.ready());
}

TEST_CASE("a model is ready by name and version, and an unknown one is not found") {
  const ServerFixture server;
  inference::ModelReadyRequest request;
  request.set_name("fake");
  inference::ModelReadyResponse response;
  REQUIRE(call(server, &Stub::ModelReady, request, response).ok());
  CHECK(response.ready());
  request.set_version("2");
  CHECK(call(server, &Stub::ModelReady, request, response).error_code() == grpc::StatusCode::NOT_FOUND);
  request.set_name("");
  CHECK(call(server, &Stub::ModelReady, request, response).error_code() == grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("server metadata lists only extensions that work") {
  const ServerFixture server;
  inference::ServerMetadataResponse response;
  REQUIRE(call(server, &Stub::ServerMetadata, inference::ServerMetadataRequest(), response).ok());
  CHECK(response.name() == "voxd");
  CHECK_FALSE(response.version().empty());
  using Extensions = std::set<std::string>;
  const Extensions always{"model_configuration", "statistics", "binary_tensor_data", "parameters", "schedule_policy"};
  CHECK(Extensions(response.extensions().begin(), response.extensions().end()) == always);

  Settings settings;
  settings.shared_memory.enabled = true;
  settings.model_control = true;
  const ServerFixture more(settings);
  REQUIRE(call(more, &Stub::ServerMetadata, inference::ServerMetadataRequest(), response).ok());
  Extensions rest(response.extensions().begin(), response.extensions().end());
  for (const std::string& extension : always) CHECK(rest.erase(extension) == 1);
  CHECK(rest == Extensions{"system_shared_memory", "model_repository", "logging"});
}

TEST_CASE("model metadata and configuration describe the tensors") {
  const ServerFixture server;
  inference::ModelMetadataResponse metadata;
  REQUIRE(call(server, &Stub::ModelMetadata, metadata_request("fake"), metadata).ok());
  CHECK(metadata.name() == "fake");
  REQUIRE(metadata.versions_size() == 1);
  REQUIRE(metadata.inputs_size() == 1);
  CHECK(metadata.inputs(0).datatype() == "FP32");
  CHECK(metadata.inputs(0).shape(1) == -1);
  CHECK(metadata.outputs_size() == 3);
  CHECK(call(server, &Stub::ModelMetadata, metadata_request("other"), metadata).error_code() ==
        grpc::StatusCode::NOT_FOUND);

  inference::ModelConfigRequest request;
  request.set_name("fake");
  inference::ModelConfigResponse response;
  REQUIRE(call(server, &Stub::ModelConfig, request, response).ok());
  CHECK(response.config().max_batch_size() == 0);
  CHECK(response.config().input(0).data_type() == inference::TYPE_FP32);
  CHECK(response.config().output(0).data_type() == inference::TYPE_UINT8);
  CHECK(response.config().output(0).dims_size() == 5);
}

TEST_CASE("statistics count what succeeded and what failed") {
  const ServerFixture server;
  for (const bool good : {true, true, false}) infer(server, good);
  inference::ModelStatisticsRequest request;
  request.set_name("fake");
  inference::ModelStatisticsResponse response;
  REQUIRE(call(server, &Stub::ModelStatistics, request, response).ok());
  REQUIRE(response.model_stats_size() == 1);
  const inference::ModelStatistics& statistics = response.model_stats(0);
  CHECK(statistics.version() == "1");
  CHECK(statistics.inference_count() == 2);
  CHECK(statistics.inference_stats().success().count() == 2);
  CHECK(statistics.inference_stats().fail().count() == 1);
  CHECK(statistics.inference_stats().compute_infer().ns() == 2'000'000);
  CHECK(statistics.last_inference() > 1'600'000'000'000);
  const auto& sums = statistics.inference_stats();
  const std::uint64_t parts =
      sums.queue().ns() + sums.compute_input().ns() + sums.compute_infer().ns() + sums.compute_output().ns();
  CHECK(parts <= sums.success().ns() + 10);
  CHECK(parts + 10 >= sums.success().ns());
}

TEST_CASE("the repository's index names every model") {
  const ServerFixture server;
  inference::RepositoryIndexResponse response;
  REQUIRE(call(server, &Stub::RepositoryIndex, inference::RepositoryIndexRequest(), response).ok());
  REQUIRE(response.models_size() == 1);
  CHECK(response.models(0).name() == "fake");
  CHECK(response.models(0).state() == "READY");
}

TEST_CASE("an unknown method is unimplemented") {
  const ServerFixture server;
  grpc::GenericStub stub(server.channel);
  grpc::ClientContext context;
  grpc::ByteBuffer response;
  std::promise<grpc::Status> done;
  const grpc::Slice empty("");
  const grpc::ByteBuffer message(&empty, 1);
  stub.UnaryCall(&context, "/inference.GRPCInferenceService/ModelGuess", {}, &message, &response,
                 [&done](grpc::Status status) { done.set_value(std::move(status)); });
  const grpc::Status status = done.get_future().get();
  CHECK(status.error_code() == grpc::StatusCode::UNIMPLEMENTED);
  CHECK(status.error_message().find("ModelGuess") != std::string::npos);
}

}  // namespace kserve_test
