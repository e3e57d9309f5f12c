#include "server/infer_parser.h"

#include <algorithm>
#include <array>
#include <random>
#include <string>

#include "tests/server/services/parser_oracle.h"
#include "tests/support/catch.h"

namespace infer_parser_test {

using namespace voxd;
using namespace voxd::test;
using inference::ModelInferRequest;

namespace {

ModelInferRequest full_request(std::mt19937& random) {
  const auto up_to = [&random](int n) { return static_cast<int>(random() % static_cast<unsigned>(n + 1)); };
  ModelInferRequest request;
  request.set_model_name(std::string(static_cast<std::size_t>(up_to(20)), 'm'));
  request.set_model_version(std::to_string(up_to(1000)));
  request.set_id(std::string(static_cast<std::size_t>(up_to(200)), 'i'));
  for (int i = up_to(3); i > 0; --i) (*request.mutable_parameters())[std::to_string(i)].set_int64_param(i);
  for (int i = up_to(3); i > 0; --i) {
    auto& input = *request.add_inputs();
    input.set_name(std::string("INPUT") += std::to_string(i));
    input.set_datatype("FP32");
    for (int axis = up_to(5); axis > 0; --axis) input.add_shape(static_cast<std::int64_t>(random()) - (1 << 30));
    for (int value = up_to(5); value > 0; --value)
      input.mutable_contents()->add_fp32_contents(static_cast<float>(value));
    (*input.mutable_parameters())["q"].set_double_param(0.5);
    std::string raw(static_cast<std::size_t>(up_to(300)), '\0');
    for (char& c : raw) c = static_cast<char>(random());
    request.add_raw_input_contents(raw);
  }
  for (int i = up_to(2); i > 0; --i) request.add_outputs()->set_name("OUT");
  return request;
}

// The serialised fields one by one, so that they can be put into another order.
std::vector<std::string> fields_of(const ModelInferRequest& request) {
  std::vector<std::string> fields;
  for (const std::string& raw : request.raw_input_contents()) {
    ModelInferRequest part;
    part.add_raw_input_contents(raw);
    fields.push_back(part.SerializeAsString());
  }
  for (const auto& input : request.inputs()) {
    ModelInferRequest part;
    *part.add_inputs() = input;
    fields.push_back(part.SerializeAsString());
  }
  ModelInferRequest rest = request;
  rest.clear_raw_input_contents();
  rest.clear_inputs();
  fields.push_back(rest.SerializeAsString());
  return fields;
}

}  // namespace

TEST_CASE("the hand parser says what the generated one says, in whatever pieces and order the fields come") {
  std::mt19937 random(1);
  for (int round = 0; round < 500; ++round) {
    const ModelInferRequest request = full_request(random);
    CHECK(agreement(request.SerializeAsString(), random()) == Agreement::same);
    std::vector<std::string> fields = fields_of(request);
    std::shuffle(fields.begin(), fields.end(), random);
    std::string shuffled;
    for (const std::string& field : fields) shuffled += field;
    CHECK(agreement(shuffled, random()) == Agreement::same);
  }
}

TEST_CASE("a message cut off at any byte is refused, or is what the generated parser takes it for") {
  std::mt19937 random(2);
  for (int round = 0; round < 20; ++round) {
    const std::string whole = full_request(random).SerializeAsString();
    for (std::size_t length = 0; length < whole.size(); ++length)
      CHECK(agreement(whole.substr(0, length), random()) != Agreement::different);
  }
}

TEST_CASE("a mutated message is refused, or is what the generated parser takes it for") {
  std::mt19937 random(3);
  int accepted = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes = full_request(random).SerializeAsString();
    for (unsigned edits = 1 + random() % 4; edits > 0 && !bytes.empty(); --edits) {
      const std::size_t at = random() % bytes.size();
      switch (random() % 3) {
        case 0: bytes[at] = static_cast<char>(random()); break;
        case 1: bytes.erase(at, 1 + random() % 4); break;
        default: bytes.insert(at, 1, static_cast<char>(random()));
      }
    }
    const Agreement result = agreement(bytes, random());
    REQUIRE(result != Agreement::different);
    accepted += result == Agreement::same;
  }
  CHECK(accepted > 1000);
}

TEST_CASE("what beside the tensors is too large, and too many tensors, are refused") {
  const auto error_of = [](const ModelInferRequest& request) {
    const std::string bytes = request.SerializeAsString();
    const std::span<const std::byte> piece = std::as_bytes(std::span(bytes));
    try {
      parse_infer({&piece, 1}, nullptr);
    } catch (const Error& error) {
      CHECK(error.code() == Code::invalid_argument);
      return std::string(error.what());
    }
    return std::string();
  };
  ModelInferRequest large;
  large.set_id(std::string((1u << 20) + 1, 'x'));
  CHECK(error_of(large).find("more than 1048576 bytes beside raw_input_contents") != std::string::npos);
  ModelInferRequest many;
  for (int i = 0; i < 64; ++i) many.add_raw_input_contents("");
  CHECK(error_of(many).empty());
  many.add_raw_input_contents("");
  CHECK(error_of(many).find("more than 64 entries") != std::string::npos);
}

TEST_CASE("a tensor is pointed at, not copied") {
  ModelInferRequest request;
  request.add_raw_input_contents("abcdef");
  const std::string bytes = request.SerializeAsString();
  const std::span<const std::byte> all = std::as_bytes(std::span(bytes));
  const std::array<std::span<const std::byte>, 2> pieces{all.first(4), all.subspan(4)};
  const ParsedInfer parsed = parse_infer(pieces, nullptr);
  REQUIRE(parsed.raw_inputs.size() == 1);
  REQUIRE(parsed.raw_inputs[0].pieces.size() == 2);
  CHECK(parsed.raw_inputs[0].pieces[0].data() == all.data() + 2);
  CHECK(parsed.raw_inputs[0].pieces[1].data() == all.data() + 4);
  CHECK(parsed.raw_inputs[0].size == 6);
}

}  // namespace infer_parser_test
