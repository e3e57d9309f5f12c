#include "server/infer_parameters.h"

#include <limits>

#include "tests/support/catch.h"
#include "tests/support/code_of.h"

namespace infer_parameters_test {

using namespace voxd;
using namespace voxd::test;

namespace {

InferParameters text(const std::string& name, const std::string& value) {
  InferParameters parameters;
  parameters[name].set_string_param(value);
  return parameters;
}

InferParameters number(const std::string& name, std::int64_t value) {
  InferParameters parameters;
  parameters[name].set_int64_param(value);
  return parameters;
}

std::optional<Code> reading(const InferParameters& parameters) {
  return code_of([&] { infer_options(parameters); });
}

}  // namespace

TEST_CASE("without parameters a request has no deadline, no priority and an identity grid") {
  const InferOptions options = infer_options({});
  CHECK_FALSE(options.deadline);
  CHECK(options.priority == 0);
  CHECK(options.affine == identity_affine());
}

TEST_CASE("priority counts downwards from 1, and 0 says nothing") {
  CHECK(infer_options(number("priority", 0)).priority == 0);
  CHECK(infer_options(number("priority", 1)).priority == 0);
  CHECK(infer_options(number("priority", 2)).priority < infer_options(number("priority", 1)).priority);
  CHECK(infer_options(number("priority", 9)).priority < infer_options(number("priority", 8)).priority);
  InferParameters parameters;
  parameters["priority"].set_uint64_param(std::numeric_limits<std::uint64_t>::max());
  CHECK(infer_options(parameters).priority == -10);
  CHECK(reading(number("priority", -1)) == Code::invalid_argument);
  CHECK(reading(text("priority", "1")) == Code::invalid_argument);
}

TEST_CASE("timeout is a positive number of microseconds") {
  const Clock::time_point before = Clock::now();
  const InferOptions options = infer_options(number("timeout", 5'000'000));
  REQUIRE(options.deadline);
  CHECK(*options.deadline >= before + std::chrono::seconds(5));
  CHECK(*options.deadline < Clock::now() + std::chrono::seconds(6));
  CHECK(infer_options(number("timeout", std::numeric_limits<std::int64_t>::max())).deadline > before);
  CHECK(reading(number("timeout", 0)) == Code::invalid_argument);
  CHECK(reading(number("timeout", -5)) == Code::invalid_argument);
  CHECK(reading(text("timeout", "5")) == Code::invalid_argument);
}

TEST_CASE("an affine is sixteen numbers or four rows of a matrix that can be undone") {
  const Affine affine{{{-2, 0, 0, 90}, {0, 2, 0.5, -126}, {0, 0, 2, -72}, {0, 0, 0, 1}}};
  CHECK(infer_options(text("affine", "[-2,0,0,90, 0,2,0.5,-126, 0,0,2,-72, 0,0,0,1]")).affine == affine);
  CHECK(infer_options(text("affine", "[[-2,0,0,90],[0,2,5e-1,-126],[0,0,2,-72],[0,0,0,1]]")).affine == affine);
  for (const char* wrong : {"", "[]", "{}", "1", "identity", "[1,0,0,0, 0,1,0,0, 0,0,1,0, 0,0,0]",
                            "[1,0,0,0, 0,1,0,0, 0,0,1,0, 0,0,0,1,0]", "[1,0,0,0, 0,1,0,0, 0,0,1,0, 0,0,0,2]",
                            "[1,0,0,0, 0,1,0,0, 0,0,1,0, 0,0,1,1]", "[1,0,0,0, 0,1,0,0, 0,0,0,0, 0,0,0,1]",
                            "[1,0,0,0, 1,0,0,0, 0,0,1,0, 0,0,0,1]", "[1e999,0,0,0, 0,1,0,0, 0,0,1,0, 0,0,0,1]",
                            "[NaN,0,0,0, 0,1,0,0, 0,0,1,0, 0,0,0,1]", "[null,0,0,0, 0,1,0,0, 0,0,1,0, 0,0,0,1]",
                            "[\"1\",0,0,0, 0,1,0,0, 0,0,1,0, 0,0,0,1]", "[1,0,0,0, 0,1,0,0, 0,0,1,0, 0,0,0,1"}) {
    CAPTURE(wrong);
    CHECK(reading(text("affine", wrong)) == Code::invalid_argument);
  }
  CHECK(reading(number("affine", 1)) == Code::invalid_argument);
  CHECK(reading(text("affine", std::string(4000, '['))) == Code::invalid_argument);
  CHECK(reading(text("affine", std::string(1000, '[') + std::string(1000, ']'))) == Code::invalid_argument);
}

TEST_CASE("spacing is three numbers of millimetres, and does not go with an affine") {
  const Affine affine{{{0.5, 0, 0, 0}, {0, 2, 0, 0}, {0, 0, 3, 0}, {0, 0, 0, 1}}};
  CHECK(infer_options(text("spacing", "[0.5, 2, 3]")).affine == affine);
  for (const char* wrong : {"[1,1]", "[1,1,1,1]", "[1,1,0]", "[1,1,-1]", "[1,1,1e999]", "1,1,1", "2"}) {
    CAPTURE(wrong);
    CHECK(reading(text("spacing", wrong)) == Code::invalid_argument);
  }
  InferParameters both = text("spacing", "[1,1,1]");
  both["affine"].set_string_param("[1,0,0,0, 0,1,0,0, 0,0,1,0, 0,0,0,1]");
  CHECK(reading(both) == Code::invalid_argument);
}

TEST_CASE("a caller's own parameters are ignored, reserved ones are not") {
  CHECK(reading(text("my own", "anything")) == std::nullopt);
  CHECK(reading(text("triton_enable_empty_final_response", "")) == std::nullopt);
  CHECK(reading(text("triton_other", "")) == Code::invalid_argument);
  CHECK(reading(number("sequence_id", 1)) == Code::unimplemented);
}

}  // namespace infer_parameters_test
