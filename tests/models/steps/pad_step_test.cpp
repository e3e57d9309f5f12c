#include "models/steps/step.h"
#include "tests/models/steps/chain.h"
#include "tests/support/catch.h"
#include "tests/support/random_volume.h"

namespace pad_step_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

TEST_CASE("pads go by the bundle's parameters, with a mode per key", "[steps]") {
  Chain chain(ramp({2, 3, 4}, identity_affine(), 1), {"image", "label"});
  chain.then(
      R"({"_target_": "SpatialPadd", "keys": ["image", "label"], "spatial_size": [5, 4, -1], "mode": ["edge", "minimum"]})");
  REQUIRE(chain.result("image").geometry.size == Int3{5, 4, 4});
  CHECK(chain.result("image").as<std::int16_t>()[4 * 16 + 3 * 4] == 100 + 20 + 1);
  CHECK(chain.result("label").as<std::int16_t>()[4 * 16 + 3 * 4] == 1);
  chain.then(R"({"_target_": "DivisiblePadd", "keys": "image", "k": 8, "method": "end", "value": -3})");
  REQUIRE(chain.result().geometry.size == Int3{8, 8, 8});
  CHECK(chain.result().as<std::int16_t>()[511] == -3);
  CHECK(chain.result().as<std::int16_t>()[64 * 1] == 1);
  chain.then(
      R"({"_target_": "BorderPadD", "keys": "image", "spatial_border": [0, 0, 0, 0, 1, 2], "mode": "circular"})");
  REQUIRE(chain.result().geometry.size == Int3{8, 8, 11});
}

TEST_CASE("a crop to the foreground pads each key in its own mode", "[steps]") {
  Chain chain(ramp({2, 2, 2}, identity_affine(), 1), {"image", "label"});
  chain.then(
      R"({"_target_": "CropForegroundd", "keys": ["image", "label"], "source_key": "image", "margin": 1, "mode": ["minimum", "edge"]})");
  REQUIRE(chain.result().geometry.size == Int3{4, 4, 4});
  CHECK(chain.result("image").as<std::int16_t>()[63] == 1);
  CHECK(chain.result("label").as<std::int16_t>()[63] == 112);
}

TEST_CASE("Invertd takes pads off again", "[steps]") {
  Affine lps = identity_affine();
  lps[0] = {-2, 0, 0, 10};
  lps[1] = {0, -3, 0, 20};
  const HostVolume image = ramp({6, 5, 4}, lps);
  Chain chain(image);
  chain.then(R"({"_target_": "Orientationd", "keys": "image", "axcodes": "SAR"})")
      .then(R"({"_target_": "SpatialPadd", "keys": "image", "spatial_size": 9, "mode": "reflect"})")
      .then(R"({"_target_": "DivisiblePadd", "keys": "image", "k": 4})")
      .then(R"({"_target_": "BorderPadd", "keys": "image", "spatial_border": 2, "mode": "symmetric"})")
      .then(R"({"_target_": "Invertd", "keys": "image", "transform": "@preprocessing"})");
  const HostVolume back = chain.result();
  REQUIRE(back.geometry == image.geometry);
  for (std::size_t i = 0; i < 120; ++i) REQUIRE(back.as<std::int16_t>()[i] == image.as<std::int16_t>()[i]);
}

TEST_CASE("a plan knows at least the memory that pads and crops take, whichever way the image lies", "[steps]") {
  const char* steps[] = {
      R"({"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"})",
      R"({"_target_": "SpatialPadd", "keys": "image", "spatial_size": [40, 5, 9], "mode": "edge"})",
      R"({"_target_": "BorderPadd", "keys": "image", "spatial_border": [0, 7, 0]})",
      R"({"_target_": "CropForegroundd", "keys": "image", "source_key": "image", "margin": [0, 20, 3], "k_divisible": [1, 1, 7]})",
      R"({"_target_": "DivisiblePadd", "keys": "image", "k": [32, 1, 1], "method": "end"})",
      R"({"_target_": "Resized", "keys": "image", "spatial_size": [10, 60, 11], "anti_aliasing": true})",
      R"({"_target_": "Invertd", "keys": "image", "transform": "@preprocessing"})"};
  Random random(140);
  for (int round = 0; round < 40; ++round) {
    HostVolume image = random.intensities(DType::i16, 1, random.size());
    for (auto& v : image.as<std::int16_t>()) v = static_cast<std::int16_t>(1 + std::abs(v) % 7);
    CAPTURE(random.seed(), round, to_string(image.geometry.size));
    Rig rig(make_cpu_stream(Backend::serial));
    Dictionary dictionary;
    dictionary.items["image"] = {upload(image, rig.workspace), {}};
    MemoryPlan plan;
    PlannedDictionary planned;
    planned.items["image"] = {PlannedVolume(DType::i16, 1, image.geometry, plan), {}};
    for (const char* step : steps) {
      make(step)->apply(dictionary, rig.context);
      make(step)->plan(planned, plan);
      CAPTURE(step);
      // Tables of an axis are not counted.
      REQUIRE(rig.workspace.peak_bytes() <= plan.peak_bytes() + 4096);
    }
  }
}

TEST_CASE("what a pad does not take is refused with its path", "[steps]") {
  CHECK_THAT(refusal(R"({"_target_": "SpatialPadd", "keys": "image"})"), Contains("t.spatial_size: is missing"));
  CHECK_THAT(refusal(R"({"_target_": "SpatialPadd", "keys": "image", "spatial_size": [1, 2]})"),
             Contains("t.spatial_size: expected 1 or 3 numbers, got 2"));
  CHECK_THAT(refusal(R"({"_target_": "SpatialPadd", "keys": "image", "spatial_size": 9, "method": "start"})"),
             Contains("t.method: expected 'symmetric' or 'end', found 'start'"));
  CHECK_THAT(refusal(R"({"_target_": "SpatialPadd", "keys": "image", "spatial_size": 9, "lazy": true})"),
             Contains("t.lazy: True is not supported"));
  CHECK_THAT(refusal(R"({"_target_": "DivisiblePadd", "keys": "image"})"), Contains("t.k: is missing"));
  CHECK_THAT(refusal(R"({"_target_": "DivisiblePadd", "keys": "image", "k": 4, "mode": "median"})"),
             Contains("t.mode: ") && Contains("\"median\" is not supported"));
  CHECK_THAT(refusal(R"({"_target_": "BorderPadd", "keys": "image", "spatial_border": [1, 2, 3, 4]})"),
             Contains("t.spatial_border: expected 1, 3 or 6 numbers, got 4"));
  CHECK_THAT(refusal(R"({"_target_": "BorderPadd", "keys": "image", "spatial_border": 1, "mode": "edge", "value": 0})"),
             Contains("t.value: is for the mode 'constant' only"));
  CHECK_THAT(refusal(R"({"_target_": "BorderPadd", "keys": "image", "spatial_border": 1, "constant_values": 3})"),
             Contains("constant_values"));
  CHECK_THAT(
      refusal(
          R"({"_target_": "SpatialPadd", "keys": ["image", "label"], "spatial_size": 9, "mode": ["constant", "edge"], "value": 7})"),
      Contains("t.value: is for the mode 'constant' only"));
}

}  // namespace pad_step_test
