#include "client/volume_call.h"

#include <cstring>
#include <future>
#include <numeric>
#include <thread>

#include "client/segmentation_client.h"
#include "tests/client/fake_kserve.h"
#include "tests/support/catch.h"
#include "tests/support/code_of.h"

namespace voxd::test {
namespace {

using Catch::Matchers::Contains;
using inference::ModelInferRequest;
using inference::ModelInferResponse;

std::vector<std::int16_t> ramp(std::size_t count) {
  std::vector<std::int16_t> voxels(count);
  std::iota(voxels.begin(), voxels.end(), std::int16_t{-5});
  return voxels;
}

/// The volume's bytes come back as a mask of uint8.
grpc::Status echo_volume(grpc::ServerContext&, const ModelInferRequest& request, ModelInferResponse& response) {
  response.set_model_version("3");
  (*response.mutable_parameters())["stage_ms"].set_string_param(R"({"queue":0.5,"network":12})");
  auto& mask = *response.add_outputs();
  mask.set_name("MASK");
  mask.set_datatype("UINT8");
  mask.add_shape(static_cast<std::int64_t>(request.raw_input_contents(0).size()));
  response.add_raw_output_contents(request.raw_input_contents(0));
  return grpc::Status::OK;
}

grpc::Status busy(grpc::ServerContext& context, const char* pushback,
                  grpc::StatusCode code = grpc::StatusCode::RESOURCE_EXHAUSTED) {
  if (pushback) context.AddTrailingMetadata("grpc-retry-pushback-ms", pushback);
  return {code, "queue is full"};
}

TEST_CASE("a volume in memory goes to the model as it is, and labels come back", "[client]") {
  FakeKserve server(echo_volume);
  SegmentationClient client(server.address());
  const std::vector<std::int16_t> voxels = ramp(24);
  auto input = VolumeInput::of<std::int16_t>("brain", {2, 3, 4}, voxels);
  input.request_id = "study-17";
  input.affine = {1.5, 0, 0, -7, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
  input.priority = -2;
  input.outputs = {{"MASK"}};
  const VolumeOutcome outcome = client.infer(input);
  CHECK(outcome.model_version == "3");
  CHECK(outcome.attempts == 1);
  CHECK(outcome.stage_ms == std::map<std::string, double>{{"queue", 0.5}, {"network", 12}});
  CHECK(outcome.output("MASK").datatype == "UINT8");
  CHECK(outcome.output("MASK").bytes == std::string(reinterpret_cast<const char*>(voxels.data()), 48));
  CHECK(code_of([&] { outcome.output("CONTOUR"); }) == Code::not_found);
  const ModelInferRequest request = server.requests().at(0);
  CHECK(request.id() == "study-17");
  CHECK(request.inputs(0).name() == "INPUT0");
  CHECK(request.inputs(0).datatype() == "INT16");
  CHECK(std::vector<std::int64_t>(request.inputs(0).shape().begin(), request.inputs(0).shape().end()) ==
        std::vector<std::int64_t>{1, 1, 2, 3, 4});
  CHECK(request.parameters().at("affine").string_param() == "[1.5,0,0,-7,0,1,0,0,0,0,1,0,0,0,0,1]");
  CHECK(request.parameters().at("priority").uint64_param() == 3);
  CHECK(request.outputs(0).name() == "MASK");
}

TEST_CASE("what contradicts itself is refused before anything is sent", "[client]") {
  FakeKserve server(echo_volume);
  SegmentationClient client(server.address());
  const std::vector<std::int16_t> voxels = ramp(24);
  const auto refusal = [&](auto change) {
    auto input = VolumeInput::of<std::int16_t>("brain", {2, 3, 4}, voxels);
    change(input);
    try {
      client.infer(input);
    } catch (const Error& error) {
      CHECK(error.code() == Code::invalid_argument);
      return std::string(error.what());
    }
    return std::string("was taken");
  };
  CHECK_THAT(refusal([](VolumeInput& i) { i.shape[2] = 4; }),
             Contains("voxels: 48 bytes, their shape and datatype say 64"));
  CHECK_THAT(refusal([](VolumeInput& i) { i.shape[0] = 0; }), Contains("an axis of 0"));
  CHECK_THAT(refusal([](VolumeInput& i) { i.shape = {1, INT32_MAX, INT32_MAX, INT32_MAX}; }), Contains("volume"));
  CHECK_THAT(refusal([](VolumeInput& i) { i.datatype = "BOOL"; }), Contains("'BOOL'"));
  std::byte target{};
  CHECK_THAT(refusal([&](VolumeInput& i) { i.outputs = {{"MASK", {&target, 1}}}; }), Contains("needs shared memory"));
  CHECK(server.requests().empty());
  CHECK(code_of([&] { client.infer(VolumeInput::of<std::int16_t>("other", {2, 3, 4}, voxels)); }) == Code::not_found);
}

TEST_CASE("a volume is sent again when the server says that it has not begun, and when", "[client]") {
  std::atomic<int> calls{0};
  FakeKserve server([&](grpc::ServerContext& context, const ModelInferRequest& request, ModelInferResponse& response) {
    switch (calls++) {
      case 0: return busy(context, "1");
      case 1: return busy(context, "0", grpc::StatusCode::UNAVAILABLE);
      default: return echo_volume(context, request, response);
    }
  });
  SegmentationClient client(server.address());
  const std::vector<std::int16_t> voxels = ramp(24);
  CHECK(client.infer(VolumeInput::of<std::int16_t>("brain", {2, 3, 4}, voxels)).attempts == 3);
}

TEST_CASE("a volume is not sent again when work may have begun, when that would be too late, or too often",
          "[client]") {
  const std::vector<std::int16_t> voxels = ramp(24);
  const auto calls_of = [&](const char* pushback, grpc::StatusCode code, std::chrono::milliseconds timeout) {
    FakeKserve server([&](grpc::ServerContext& context, const auto&, auto&) { return busy(context, pushback, code); });
    SegmentationClient client(server.address(), {.attempts = 3});
    auto input = VolumeInput::of<std::int16_t>("brain", {2, 3, 4}, voxels);
    input.timeout = timeout;
    CHECK(code_of([&] { client.infer(input); }).has_value());
    return server.requests().size();
  };
  using std::chrono::seconds;
  constexpr auto exhausted = grpc::StatusCode::RESOURCE_EXHAUSTED;
  CHECK(calls_of("0", exhausted, seconds(60)) == 3);
  CHECK(calls_of(nullptr, exhausted, seconds(60)) == 1);
  CHECK(calls_of("-1", exhausted, seconds(60)) == 1);
  CHECK(calls_of("soon", exhausted, seconds(60)) == 1);
  CHECK(calls_of("3600000", exhausted, seconds(60)) == 1);
  CHECK(calls_of("0", grpc::StatusCode::INTERNAL, seconds(60)) == 1);
  CHECK(calls_of(nullptr, grpc::StatusCode::UNAVAILABLE, seconds(60)) == 1);
}

TEST_CASE("a volume's call ends with its time or by its caller's stop", "[client]") {
  FakeKserve server([](grpc::ServerContext& context, const auto&, auto&) {
    while (!context.IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  });
  SegmentationClient client(server.address());
  const std::vector<std::int16_t> voxels = ramp(24);
  auto input = VolumeInput::of<std::int16_t>("brain", {2, 3, 4}, voxels);
  input.timeout = std::chrono::milliseconds(50);
  CHECK(code_of([&] { client.infer(input); }) == Code::deadline_exceeded);
  input.timeout = {};
  std::stop_source stop;
  auto waiting =
      std::async(std::launch::async, [&] { return code_of([&] { client.infer(input, stop.get_token()); }); });
  while (server.requests().size() < 2) std::this_thread::yield();
  stop.request_stop();
  CHECK(waiting.get() == Code::cancelled);
}

TEST_CASE("nothing looks at the voxels any more once a call has ended, however it did", "[client]") {
  FakeKserve server([](grpc::ServerContext& context, const auto&, auto&) {
    while (!context.IsCancelled()) std::this_thread::yield();
    return grpc::Status::CANCELLED;
  });
  SegmentationClient client(server.address());
  for (int round = 0; round < 5; ++round) {
    auto voxels = std::make_unique<std::vector<std::int16_t>>(1 << 22);
    auto input = VolumeInput::of<std::int16_t>("brain", {1, 1, 1 << 22}, *voxels);
    input.timeout = std::chrono::milliseconds(5 * round);
    CHECK(code_of([&] { client.infer(input); }) == Code::deadline_exceeded);
    voxels.reset();
  }
}

TEST_CASE("an answer whose bytes are missing is refused", "[client]") {
  FakeKserve server([](grpc::ServerContext&, const auto&, ModelInferResponse& response) {
    response.add_outputs()->set_name("MASK");
    return grpc::Status::OK;
  });
  const std::vector<std::int16_t> voxels = ramp(24);
  SegmentationClient client(server.address());
  CHECK(code_of([&] { client.infer(VolumeInput::of<std::int16_t>("brain", {2, 3, 4}, voxels)); }) == Code::data_loss);
}

}  // namespace
}  // namespace voxd::test
