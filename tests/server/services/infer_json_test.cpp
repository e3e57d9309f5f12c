#include "server/infer_json.h"

#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "server/infer_json_reply.h"
#include "tests/support/catch.h"
#include "tests/support/code_of.h"

namespace infer_json_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

template <class T>
std::vector<T> values_of(const ScatteredBytes& bytes) {
  std::vector<T> values(static_cast<std::size_t>(bytes.size) / sizeof(T));
  bytes.copy_to(std::as_writable_bytes(std::span(values)));
  return values;
}

json request_with(const std::string& datatype, const json& data) {
  return {{"inputs", {{{"name", "INPUT0"}, {"datatype", datatype}, {"shape", {1, 2, 1, 2}}, {"data", data}}}}};
}

template <class T>
std::vector<T> tensor_of(const std::string& datatype, const json& data) {
  return values_of<T>(parse_infer_json(request_with(datatype, data).dump()).parsed.raw_inputs.at(0));
}

std::string refusal_of(const std::string& text) {
  try {
    parse_infer_json(text);
  } catch (const Error& error) {
    CHECK(error.code() == Code::invalid_argument);
    return error.what();
  }
  return "was taken";
}

const json kFull = {
    {"id", "call 7"},
    {"parameters",
     {{"timeout", 5000}, {"priority", 3}, {"spacing", {1.5, 1, 2}}, {"mine", 0.5}, {"binary_data_output", true}}},
    {"inputs",
     {{{"name", "A"}, {"datatype", "FP32"}, {"shape", {1, 1, 1, 2}}, {"parameters", {{"binary_data_size", 8}}}},
      {{"name", "B"}, {"datatype", "INT16"}, {"shape", {1, 1, 1, 2}}, {"data", {{-5, 7}}}},
      {{"name", "C"}, {"datatype", "UINT8"}, {"shape", {1, 1, 1, 3}}, {"parameters", {{"binary_data_size", 3}}}},
      {{"name", "D"},
       {"datatype", "UINT8"},
       {"shape", {1, 1, 1, 3}},
       {"parameters", {{"shared_memory_region", "in"}, {"shared_memory_byte_size", 3}}}}}},
    {"outputs", {{{"name", "MASK"}, {"parameters", {{"binary_data", false}}}}, {{"name", "CONTOUR"}}}}};

}  // namespace

TEST_CASE("a request in JSON becomes the message that gRPC's clients send") {
  const InferJson read = parse_infer_json(kFull.dump());
  const inference::ModelInferRequest& request = read.parsed.request;
  CHECK(request.id() == "call 7");
  CHECK(request.parameters().at("timeout").int64_param() == 5000);
  CHECK(request.parameters().at("priority").int64_param() == 3);
  CHECK(request.parameters().at("spacing").string_param() == "[1.5,1,2]");
  CHECK(request.parameters().at("mine").double_param() == 0.5);
  CHECK(request.parameters().size() == 4);
  REQUIRE(request.inputs_size() == 4);
  CHECK(request.inputs(1).name() == "B");
  CHECK(request.inputs(1).datatype() == "INT16");
  CHECK(std::vector<std::int64_t>(request.inputs(1).shape().begin(), request.inputs(1).shape().end()) ==
        std::vector<std::int64_t>{1, 1, 1, 2});
  CHECK(request.inputs(0).parameters().empty());
  CHECK(request.inputs(3).parameters().at("shared_memory_byte_size").int64_param() == 3);
  REQUIRE(read.parsed.raw_inputs.size() == 3);
  CHECK(values_of<std::int16_t>(read.parsed.raw_inputs[1]) == std::vector<std::int16_t>{-5, 7});
  REQUIRE(read.binaries.size() == 2);
  CHECK(read.binaries[0].raw_input == 0);
  CHECK(read.binaries[0].size == 8);
  CHECK(read.binaries[1].raw_input == 2);
  CHECK(read.binary_bytes == 11);
  CHECK_FALSE(read.wants_binary("MASK"));
  CHECK(read.wants_binary("CONTOUR"));
  CHECK(read.wants_binary("OTHER"));
}

TEST_CASE("a request in JSON that is cut short anywhere is refused") {
  const std::string text = kFull.dump();
  for (std::size_t n = 0; n < text.size(); ++n) {
    CAPTURE(n);
    CHECK(refusal_of(text.substr(0, n)) != "was taken");
  }
}

TEST_CASE("tensors in JSON are flat or nested, and exact in every datatype") {
  CHECK(tensor_of<float>("FP32", {0.25, -1, 3e38, 1}) == std::vector<float>{0.25f, -1, 3e38f, 1});
  CHECK(tensor_of<double>("FP64", {{{0.1, 2}}, {{3, 4}}}) == std::vector<double>{0.1, 2, 3, 4});
  CHECK(tensor_of<std::uint8_t>("UINT8", {0, 255}) == std::vector<std::uint8_t>{0, 255});
  CHECK(tensor_of<std::int8_t>("INT8", {-128, 127}) == std::vector<std::int8_t>{-128, 127});
  CHECK(tensor_of<std::uint16_t>("UINT16", {65535}) == std::vector<std::uint16_t>{65535});
  CHECK(tensor_of<std::int32_t>("INT32", {INT32_MIN}) == std::vector<std::int32_t>{INT32_MIN});
  CHECK(tensor_of<std::uint32_t>("UINT32", {UINT32_MAX}) == std::vector<std::uint32_t>{UINT32_MAX});
  CHECK(tensor_of<std::int64_t>("INT64", {INT64_MIN, INT64_MAX}) == std::vector<std::int64_t>{INT64_MIN, INT64_MAX});
  CHECK(tensor_of<std::uint64_t>("UINT64", {UINT64_MAX}) == std::vector<std::uint64_t>{UINT64_MAX});
}

TEST_CASE("values that do not fit their datatype are refused") {
  const auto refused = [](const char* datatype, const json& value, const char* why) {
    CAPTURE(datatype, value.dump());
    CHECK_THAT(refusal_of(request_with(datatype, json::array({value})).dump()),
               Contains("input 'INPUT0'") && Contains(why));
  };
  refused("UINT8", 256, "not a whole number from 0 to 255");
  refused("UINT8", -1, "not a whole number");
  refused("INT8", 128, "from -128 to 127");
  refused("INT64", UINT64_MAX, "not a whole number");
  refused("UINT64", -1, "not a whole number");
  refused("INT16", 1.5, "not a whole number");
  refused("FP32", 1e39, "no number of its datatype");
  refused("FP32", "1", "no number of its datatype");
  refused("FP32", nullptr, "no number of its datatype");
  refused("FP16", 1, "must be sent as binary data");
  CHECK_THAT(refusal_of(R"({"inputs":[{"name":"I","datatype":"FP64","shape":[1],"data":[1e999]}]})"),
             Contains("out of range"));
}

TEST_CASE("what is wrong with a request in JSON is named") {
  const auto with = [](const std::string& input) { return R"({"inputs":[{"name":"I",)" + input + "}]}"; };
  CHECK_THAT(refusal_of("[]"), Contains("must be a JSON object"));
  CHECK_THAT(refusal_of("{}"), Contains("'inputs'"));
  CHECK_THAT(refusal_of(R"({"inputs":{}})"), Contains("'inputs' must be a list"));
  CHECK_THAT(refusal_of(R"({"inputs":[1]})"), Contains("inputs: must be a list of objects"));
  CHECK_THAT(refusal_of(R"({"inputs":[],"id":7})"), Contains("'id' is missing or no string"));
  CHECK_THAT(refusal_of(R"({"inputs":[{}]})"), Contains("'name' is missing"));
  CHECK_THAT(refusal_of(with(R"("shape":[1],"data":[1])")), Contains("input 'I': 'datatype' is missing"));
  CHECK_THAT(refusal_of(with(R"("datatype":"FP32","data":[1])")), Contains("input 'I': 'shape' is missing"));
  CHECK_THAT(refusal_of(with(R"("datatype":"FP32","shape":[1.5],"data":[1])")), Contains("whole number"));
  CHECK_THAT(refusal_of(with(R"("datatype":"FP32","shape":[1])")),
             Contains("unable to find data for input tensor 'I'"));
  CHECK_THAT(refusal_of(with(R"("datatype":"FP32","shape":[1],"data":[1],"parameters":{"binary_data_size":4})")),
             Contains("more than one of"));
  CHECK_THAT(refusal_of(with(R"("datatype":"FP32","shape":[1],"parameters":{"binary_data_size":-4})")),
             Contains("'binary_data_size': -4"));
  CHECK_THAT(refusal_of(with(R"("datatype":"FP32","shape":[1],"parameters":{"binary_data_size":"4"})")),
             Contains("whole number"));
  CHECK_THAT(refusal_of(R"({"inputs":[],"parameters":{"a":{}}})"), Contains("parameter 'a'"));
  CHECK_THAT(refusal_of(R"({"inputs":[],"parameters":{"binary_data_output":1}})"), Contains("true or false"));
  CHECK_THAT(refusal_of(R"({"inputs":[],"outputs":[{"name":"M","parameters":{"binary_data":1}}]})"),
             Contains("output 'M'"));
  const std::string huge = std::to_string(INT64_MAX);
  const std::string binary =
      R"({"name":"I","datatype":"UINT8","shape":[1],"parameters":{"binary_data_size":)" + huge + "}}";
  CHECK_THAT(refusal_of(R"({"inputs":[)" + binary + "," + binary + "]}"), Contains("is not a number of bytes"));
  CHECK_THAT(refusal_of(std::string(100'000, '[')), Contains("nested more than 16 deep"));
  std::string many = R"({"inputs":[{})";
  for (int i = 0; i < 64; ++i) many += ",{}";
  CHECK_THAT(refusal_of(many + "]}"), Contains("65 tensors, at most 64"));
}

namespace {

std::shared_ptr<const HostVolume> volume_of_floats(const std::vector<float>& values) {
  auto volume = make_host_volume(DType::f32, 1, {{1, 1, static_cast<std::int32_t>(values.size())}, identity_affine()});
  std::copy(values.begin(), values.end(), volume.as<float>().begin());
  return std::make_shared<const HostVolume>(std::move(volume));
}

std::string written(const InferJsonReply& reply) {
  std::string all;
  CHECK(reply.write([&all](std::string_view piece) { return all += piece, true; }));
  CHECK(reply.size() == all.size());
  return all;
}

}  // namespace

TEST_CASE("an answer has each tensor as it was asked for, numbers in the JSON and bytes after it") {
  TensorResult result;
  for (const char* name : {"A", "B", "C"}) {
    const auto volume = volume_of_floats({0.1f, -2, std::numeric_limits<float>::infinity()});
    result.outputs.push_back({name, "FP32", {1, 1, 1, 3}, volume, std::nullopt});
  }
  InferJson request;
  request.binary_output = {{"B", true}};
  const InferJsonReply reply(result, {"fake", "1", "7 \xff"}, request);
  const std::string all = written(reply);
  REQUIRE(reply.json_size());
  const json head = json::parse(all.substr(0, *reply.json_size()));
  CHECK(head["model_name"] == "fake");
  CHECK(head["id"] == "7 \xEF\xBF\xBD");
  CHECK(head["outputs"][0]["data"].dump() == "[0.1,-2,null]");
  CHECK(head["outputs"][1]["parameters"]["binary_data_size"] == 12);
  CHECK_FALSE(head["outputs"][1].contains("data"));
  CHECK(head["outputs"][2]["data"].size() == 3);
  CHECK(all.substr(*reply.json_size()) ==
        std::string(reinterpret_cast<const char*>(result.outputs[1].volume->voxels.data()), 12));
  CHECK_FALSE(reply.write([](std::string_view) { return false; }));
}

TEST_CASE("a large tensor as numbers is sent in pieces") {
  std::vector<float> values(100'000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i) / 7;
  TensorResult result;
  result.outputs.push_back({"A", "FP32", {1, 1, 1, 100'000}, volume_of_floats(values), std::nullopt});
  const InferJsonReply reply(result, {"fake", "1", ""}, {});
  CHECK_FALSE(reply.json_size());
  CHECK(json::parse(written(reply))["outputs"][0]["data"].get<std::vector<float>>() == values);
}

}  // namespace infer_json_test
