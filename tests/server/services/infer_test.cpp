#include <cstring>
#include <numeric>
#include <thread>

#include "tests/server/services/infer_caller.h"
#include "tests/support/catch.h"

namespace infer_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;
using Catch::Matchers::Matches;
using inference::ModelInferRequest;
using inference::ModelInferResponse;

namespace {

std::string scaled_bytes(const ServerFixture& server, ModelInferRequest request) {
  request.add_outputs()->set_name("SCALED");
  const Answer answer = infer(server, request);
  INFO(answer.status.error_message());
  REQUIRE(answer.status.ok());
  return answer.response.raw_output_contents(0);
}

}  // namespace

TEST_CASE("a raw volume comes back as its outputs with names, types and shapes") {
  const ServerFixture server;
  const Answer answer = infer(server, float_request());
  REQUIRE(answer.status.ok());
  const ModelInferResponse& response = answer.response;
  CHECK(response.model_name() == "fake");
  CHECK(response.model_version() == "1");
  CHECK(response.id() == "call 7");
  CHECK_THAT(
      response.parameters().at("stage_ms").string_param(),
      Matches(
          R"(\{"decode":[0-9.e-]+,"queue":[0-9.e-]+,"pre":[0-9.e-]+,"network":[0-9.e-]+,"post":[0-9.e-]+,"encode":[0-9.e-]+\})"));
  REQUIRE(response.outputs_size() == 3);
  REQUIRE(response.raw_output_contents_size() == 3);
  CHECK(response.outputs(0).name() == "MASK");
  CHECK(response.outputs(0).datatype() == "UINT8");
  CHECK(std::vector<std::int64_t>(response.outputs(0).shape().begin(), response.outputs(0).shape().end()) ==
        std::vector<std::int64_t>{1, 1, 2, 1, 3});
  CHECK(response.raw_output_contents(0) == std::string("\0\1\1\1\0\1", 6));
  CHECK(response.outputs(1).name() == "CONTOUR");
  CHECK(response.raw_output_contents(1) == std::string("\0\0\1\1\0\0", 6));
  CHECK(response.outputs(2).datatype() == "FP32");
  CHECK(response.outputs(2).shape_size() == 4);
  CHECK(response.raw_output_contents(2) == raw(std::vector<float>{0, 2, 4, 6, 0.5f, 1.5f}));
}

TEST_CASE("only the outputs asked for come back, in that order") {
  const ServerFixture server;
  ModelInferRequest request = float_request();
  request.add_outputs()->set_name("SCALED");
  request.add_outputs()->set_name("MASK");
  const Answer answer = infer(server, request);
  REQUIRE(answer.status.ok());
  REQUIRE(answer.response.outputs_size() == 2);
  CHECK(answer.response.outputs(0).name() == "SCALED");
  CHECK(answer.response.outputs(1).name() == "MASK");
  CHECK(answer.response.raw_output_contents(0).size() == 24);
}

TEST_CASE("an image is taken in every numeric datatype, whatever is declared") {
  const ServerFixture server;
  const std::string expected = raw(std::vector<float>{0, 2, 4, 6, 8, 254});
  const auto check = [&](const char* datatype, auto zero) {
    using T = decltype(zero);
    INFO(datatype);
    CHECK(scaled_bytes(server, request_of(datatype, raw(std::vector<T>{0, 1, 2, 3, 4, 127}))) == expected);
  };
  check("UINT8", std::uint8_t{});
  check("INT8", std::int8_t{});
  check("UINT16", std::uint16_t{});
  check("INT16", std::int16_t{});
  check("UINT32", std::uint32_t{});
  check("INT32", std::int32_t{});
  check("UINT64", std::uint64_t{});
  check("INT64", std::int64_t{});
  check("FP32", float{});
  check("FP64", double{});
  const std::vector<std::uint16_t> f16{0x0000, 0x3C00, 0x4000, 0x4200, 0x4400, 0x57F0};
  CHECK(scaled_bytes(server, request_of("FP16", raw(f16))) == expected);
  const std::vector<std::uint16_t> bf16{0x0000, 0x3F80, 0x4000, 0x4040, 0x4080, 0x42FE};
  CHECK(scaled_bytes(server, request_of("BF16", raw(bf16))) == expected);
}

TEST_CASE("typed contents say the same as raw ones") {
  const ServerFixture server;
  ModelInferRequest request = request_of("FP32", "");
  for (const float value : {0.f, 1.f, 2.f, 3.f, 4.f, 127.f})
    request.mutable_inputs(0)->mutable_contents()->add_fp32_contents(value);
  const std::string expected = raw(std::vector<float>{0, 2, 4, 6, 8, 254});
  CHECK(scaled_bytes(server, request) == expected);
  request = request_of("INT16", "");
  for (const int value : {0, 1, 2, 3, 4, 127}) request.mutable_inputs(0)->mutable_contents()->add_int_contents(value);
  CHECK(scaled_bytes(server, request) == expected);
  request = request_of("UINT8", "");
  for (const unsigned value : {0u, 1u, 2u, 3u, 4u, 127u})
    request.mutable_inputs(0)->mutable_contents()->add_uint_contents(value);
  CHECK(scaled_bytes(server, request) == expected);
}

TEST_CASE("a request that cannot be served is refused with Triton's code and words") {
  const ServerFixture server;
  ModelInferRequest request = float_request();
  grpc::StatusCode code = grpc::StatusCode::INVALID_ARGUMENT;
  std::string text;
  SECTION("unknown model") {
    request.set_model_name("nothing");
    code = grpc::StatusCode::NOT_FOUND;
    text = "Request for unknown model: 'nothing'";
  }
  SECTION("unknown version") {
    request.set_model_version("9");
    code = grpc::StatusCode::NOT_FOUND;
    text = "Request for unknown model";
  }
  SECTION("wrong rank") {
    request.mutable_inputs(0)->add_shape(1);
    text = "unexpected shape for input 'INPUT0' for model 'fake'. Expected [1,-1,-1,-1], got [1,2,1,3,1]";
  }
  SECTION("wrong channels") {
    request.mutable_inputs(0)->set_shape(0, 2);
    text = "unexpected shape for input 'INPUT0'";
  }
  SECTION("an axis of nothing") {
    request.mutable_inputs(0)->set_shape(1, 0);
    text = "unexpected shape for input 'INPUT0'";
  }
  SECTION("a shape whose product overflows") {
    for (const int axis : {1, 2, 3}) request.mutable_inputs(0)->set_shape(axis, std::int64_t{1} << 40);
    text = "unexpected shape for input 'INPUT0'";
  }
  SECTION("too few bytes") {
    request.mutable_raw_input_contents(0)->pop_back();
    text = "input byte size mismatch for input 'INPUT0' for model 'fake'. Expected 24, got 23";
  }
  SECTION("too many bytes") {
    request.mutable_raw_input_contents(0)->push_back('x');
    text = "Expected 24, got 25";
  }
  SECTION("no data") {
    request.clear_raw_input_contents();
    text = "unable to find data for input tensor 'INPUT0'";
  }
  SECTION("raw and typed data") {
    request.mutable_inputs(0)->mutable_contents()->add_fp32_contents(1);
    text = "contents field must not be specified";
  }
  SECTION("more raw tensors than inputs") {
    request.add_raw_input_contents("x");
    text = "expected 1 entries in raw_input_contents but got 2";
  }
  SECTION("typed data of another type") {
    request.clear_raw_input_contents();
    request.mutable_inputs(0)->mutable_contents()->add_int_contents(1);
    text = "Expected 24, got 0";
  }
  SECTION("typed 16-bit floats") {
    request.clear_raw_input_contents();
    request.mutable_inputs(0)->set_datatype("FP16");
    request.mutable_inputs(0)->mutable_contents()->add_fp32_contents(1);
    text = "FP16 must be sent in raw_input_contents";
  }
  SECTION("typed values beyond their type") {
    request.clear_raw_input_contents();
    request.mutable_inputs(0)->set_datatype("INT8");
    request.mutable_inputs(0)->mutable_contents()->add_int_contents(200);
    text = "value 200 is not from -128 to 127";
  }
  SECTION("a datatype that is no number") {
    request.mutable_inputs(0)->set_datatype("BYTES");
    text = "inference input 'INPUT0' data-type is 'BYTES'";
  }
  SECTION("no input") {
    request.clear_inputs();
    text = "expected 1 inputs but got 0";
  }
  SECTION("another input") {
    request.mutable_inputs(0)->set_name("INPUT9");
    text = "unexpected inference input 'INPUT9'";
  }
  SECTION("unknown output") {
    request.add_outputs()->set_name("NOTHING");
    text = "unexpected inference output 'NOTHING' for model 'fake'";
  }
  SECTION("an output twice") {
    request.add_outputs()->set_name("MASK");
    request.add_outputs()->set_name("MASK");
    text = "output 'MASK' is requested twice";
  }
  SECTION("an unknown reserved parameter") {
    (*request.mutable_parameters())["triton_final_response"].set_bool_param(true);
    text = "parameter 'triton_final_response'";
  }
  SECTION("a sequence") {
    (*request.mutable_parameters())["sequence_id"].set_int64_param(1);
    code = grpc::StatusCode::UNIMPLEMENTED;
    text = "parameter 'sequence_id'";
  }
  const Answer answer = infer(server, request);
  INFO(answer.status.error_message());
  CHECK(answer.status.error_code() == code);
  CHECK_THAT(answer.status.error_message(), Contains(text));
  server.wait_idle();
  CHECK(server.pipeline->runs == 0);
  CHECK(server.app->admission().bytes() == 0);
  CHECK(infer(server, float_request()).status.ok());
}

TEST_CASE("one leading axis of 1 more than is declared is a batch of one") {
  const ServerFixture server;
  ModelInferRequest request = float_request();
  request.mutable_inputs(0)->clear_shape();
  for (const int axis : {1, 1, 2, 1, 3}) request.mutable_inputs(0)->add_shape(axis);
  CHECK(scaled_bytes(server, request) == scaled_bytes(server, float_request()));
  request.mutable_inputs(0)->set_shape(0, 2);
  CHECK_THAT(infer(server, request).status.error_message(),
             Contains("unexpected shape for input 'INPUT0' for model 'fake'. Expected [1,-1,-1,-1], got [2,1,2,1,3]"));
}

TEST_CASE("the grid that a request describes is the one that the answer lies on") {
  const ServerFixture server;
  const auto affine_for = [&](const char* parameter, const char* text) {
    ModelInferRequest request = float_request();
    if (parameter) (*request.mutable_parameters())[parameter].set_string_param(text);
    const Answer answer = infer(server, request);
    INFO(answer.status.error_message());
    REQUIRE(answer.status.ok());
    for (const auto& output : answer.response.outputs()) CHECK(output.parameters().empty());
    CHECK_FALSE(answer.response.parameters().contains("crop_box"));
    return answer.response.parameters().at("affine").string_param();
  };
  CHECK(affine_for(nullptr, nullptr) == "[1.0,0.0,0.0,0.0,0.0,1.0,0.0,0.0,0.0,0.0,1.0,0.0,0.0,0.0,0.0,1.0]");
  CHECK(affine_for("spacing", "[0.5, 2, 3]") == "[0.5,0.0,0.0,0.0,0.0,2.0,0.0,0.0,0.0,0.0,3.0,0.0,0.0,0.0,0.0,1.0]");
  CHECK(affine_for("affine", "[[-2,0,0,90],[0,2,0,-126],[0,0,2,-72],[0,0,0,1]]") ==
        "[-2.0,0.0,0.0,90.0,0.0,2.0,0.0,-126.0,0.0,0.0,2.0,-72.0,0.0,0.0,0.0,1.0]");
}

TEST_CASE("where the chain crops, the answer says what it kept") {
  const ServerFixture server({}, [](FakePipeline& fake) { fake.crop = Box{{0, 1, 2}, {2, 3, 4}}; });
  const Answer answer = infer(server, float_request());
  REQUIRE(answer.status.ok());
  CHECK(answer.response.parameters().at("crop_box").string_param() == "[[0,1,2],[2,3,4]]");
}

TEST_CASE("parameters that clients send by themselves are accepted") {
  const ServerFixture server;
  ModelInferRequest request = float_request();
  (*request.mutable_parameters())["triton_enable_empty_final_response"].set_bool_param(true);
  (*request.mutable_parameters())["timeout"].set_int64_param(60'000'000);
  (*request.mutable_parameters())["my own"].set_string_param("anything");
  CHECK(infer(server, request).status.ok());
}

/// All of an answer but how long it took.
std::string content_of(Answer answer) {
  answer.response.clear_parameters();
  return answer.response.SerializeAsString();
}

TEST_CASE("four inferences at once, ten times, give the same bytes") {
  Settings settings;
  settings.workers = 2;
  const ServerFixture server(settings);
  const std::string expected = content_of(infer(server, float_request()));
  for (int round = 0; round < 10; ++round) {
    std::array<Answer, 4> answers;
    {
      std::vector<std::jthread> callers;
      for (Answer& answer : answers) callers.emplace_back([&] { answer = infer(server, float_request()); });
    }
    for (const Answer& answer : answers) {
      REQUIRE(answer.status.ok());
      CHECK(content_of(answer) == expected);
    }
  }
}

TEST_CASE("a model of several channels takes them as one tensor, or each under its name in any order") {
  const ServerFixture server({}, [](FakePipeline& fake) {
    fake.description_.inputs[0].shape[0] = 2;
    fake.description_.channel_names = {"T1", "T2"};
  });
  const auto channel = [](ModelInferRequest& request, const std::string& name, float value) {
    auto& input = *request.add_inputs();
    input.set_name(name);
    input.set_datatype("FP32");
    for (const int axis : {1, 2, 1, 3}) input.add_shape(axis);
    request.add_raw_input_contents(raw(std::vector<float>(6, value)));
  };
  ModelInferRequest request;
  request.set_model_name("fake");
  channel(request, "T2", 5);
  channel(request, "T1", 3);
  CHECK(scaled_bytes(server, request) == raw(std::vector<float>(6, 6)));

  SECTION("all of them") {
    request.mutable_inputs()->RemoveLast();
    request.mutable_raw_input_contents()->RemoveLast();
    CHECK_THAT(infer(server, request).status.error_message(), Contains("expected 2 inputs but got 1 inputs"));
  }
  SECTION("no others") {
    channel(request, "T3", 1);
    request.mutable_inputs()->SwapElements(1, 2);
    request.mutable_inputs()->RemoveLast();
    request.mutable_raw_input_contents()->RemoveLast();
    CHECK_THAT(infer(server, request).status.error_message(), Contains("unexpected inference input 'T3'"));
  }
}

TEST_CASE("an output that is declared as probabilities shows them") {
  const ServerFixture server({}, [](FakePipeline& fake) {
    fake.description_.outputs.push_back({"SCORES", "probabilities", "FP32", {1, 2, -1, -1, -1}});
  });
  ModelInferRequest request = float_request();
  request.add_outputs()->set_name("SCORES");
  const Answer answer = infer(server, request);
  REQUIRE(answer.status.ok());
  CHECK(answer.response.outputs(0).shape(1) == 2);
  std::vector<float> counted(12);
  std::iota(counted.begin(), counted.end(), 0.0f);
  CHECK(answer.response.raw_output_contents(0) == raw(counted));
}

}  // namespace infer_test
