#include "models/steps/lambda_steps.h"

#include <algorithm>

#include "tests/models/steps/chain.h"
#include "tests/support/catch.h"
#include "tests/support/random_volume.h"

namespace lambda_steps_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

namespace {

const std::string regions =
    "lambda x: torch.where(x[[2]] > 0, 4, torch.where(x[[0]] > 0, 1, torch.where(x[[1]] > 0, 2, 0)))";

std::string step(const std::string& lambda, const std::string& more = "") {
  return R"({"_target_": "Lambdad", "keys": "pred", "func": "$)" + lambda + "\"" + more + "}";
}

HostVolume result_of(const std::string& lambda, const HostVolume& volume) {
  Chain chain(volume, {"pred"});
  return chain.then(step(lambda)).result("pred");
}

}  // namespace

TEST_CASE("nested conditions on channels are known whatever their spaces and their argument's name", "[steps]") {
  const auto lambda = std::get<WhereLambda>(parse_lambda(regions));
  REQUIRE(lambda.rules.size() == 3);
  CHECK(lambda.rules[0].channel == 2);
  CHECK(lambda.rules[0].label == 4);
  CHECK(lambda.rules[2].channel == 1);
  CHECK(lambda.rules[2].label == 2);
  CHECK(lambda.otherwise == 0);
  CHECK(std::get<WhereLambda>(parse_lambda("lambda img :torch.where( img[[0]]>0 , 7,9 )")).otherwise == 9);
  CHECK(std::get<NanLambda>(parse_lambda("lambda x: torch.nan_to_num(x, nan=255)")).value == 255);
  CHECK(std::get<NanLambda>(parse_lambda("lambda x: torch.nan_to_num(x, nan=-0.5)")).value == -0.5);
  CHECK(std::get<ChannelsLambda>(parse_lambda("lambda x : x[1:]")).first == 1);
}

TEST_CASE("a function that is not known is refused by its text", "[steps]") {
  for (const char* text :
       {"lambda x: x", "lambda x: torch.where(y[[0]] > 0, 1, 0)", "lambda x: torch.where(x[[0]] > 1, 1, 0)",
        "lambda x: torch.where(x[[0]] > 0, 1, 0))", "lambda x: torch.where(x[[0]] > 0, 1, 0",
        "lambda x: torch.where(x[[0]] > 0, 1)", "lambda x: torch.where(x[0] > 0, 1, 0)", "lambda x, y: x[1:]",
        "lambda x: x[-1:]", "lambda x: x[:1]", "lambda x: torch.nan_to_num(x)",
        "lambda x: torch.nan_to_num(x, nan=0, posinf=1)", "lambda x", "lambda x: x[1:] + 1",
        "lambda x: torch.where(x[[99999999999]] > 0, 1, 0)"}) {
    CAPTURE(text);
    CHECK_THAT(refusal(step(text)), Contains("inference.json: t.func: '" + std::string(text) + "' is not one of"));
  }
  CHECK_THAT(refusal(R"({"_target_": "Lambdad", "keys": "pred", "func": "x"})"), Contains("t.func: expected a lambda"));
  CHECK_THAT(refusal(R"({"_target_": "Lambdad", "keys": "pred"})"), Contains("t.func: expected a lambda"));
  CHECK_THAT(refusal(step(regions, R"(, "overwrite": false)")), Contains("t.overwrite: only True"));
  CHECK_THAT(refusal(step(regions, R"(, "inv_func": "$lambda x: x")")), Contains("t.inv_func"));
}

TEST_CASE("the regions of a tumour become labels, in the memory that is planned", "[steps]") {
  const HostVolume masks = Random(601).labels(DType::u8, 3, {9, 8, 70}, 1, 0.6);
  const HostVolume labels = result_of(regions, masks);
  REQUIRE(labels.dtype == DType::u8);
  REQUIRE(labels.channels == 1);
  const auto in = masks.as<std::uint8_t>();
  const std::size_t voxels = in.size() / 3;
  for (std::size_t i = 0; i < voxels; ++i)
    REQUIRE(labels.as<std::uint8_t>()[i] == (in[2 * voxels + i] ? 4 : in[i] ? 1 : in[voxels + i] ? 2 : 0));

  MemoryPlan plan;
  PlannedDictionary planned;
  planned.items["pred"] = {PlannedVolume(DType::u8, 3, masks.geometry, plan), {}};
  make(step(regions))->plan(planned, plan);
  CHECK(planned.at("pred").volume.channels == 1);
  CHECK(plan.peak_bytes() == 4 * masks.geometry.voxels());
}

TEST_CASE("a channel that there is not is refused when the chain runs", "[steps]") {
  const HostVolume two = Random(602).labels(DType::u8, 2, {3, 4, 5}, 1, 0.5);
  CHECK_THAT(message_of([&] { result_of(regions, two); }), Contains("channel 2 of 2"));
  CHECK(result_of("lambda x: x[1:]", two).channels == 1);
}

}  // namespace lambda_steps_test
