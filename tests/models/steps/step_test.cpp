#include "models/steps/step.h"

#include "tests/models/steps/chain.h"
#include "tests/support/catch.h"

namespace step_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

TEST_CASE("LoadImaged makes float32 of every type, and changes no value", "[steps]") {
  Chain chain(ramp({3, 4, 5}));
  const HostVolume result =
      chain.then(R"({"_target_": "LoadImaged", "keys": "image", "image_only": "True", "reader": "ITKReader"})")
          .result();
  REQUIRE(result.dtype == DType::f32);
  CHECK(result.as<float>()[59] == 234);
  CHECK(chain.trace().empty());
}

TEST_CASE("EnsureChannelFirstd and EnsureTyped leave a volume as it is", "[steps]") {
  Chain chain(ramp({3, 4, 5}));
  chain.then(R"({"_target_": "EnsureChannelFirstd", "keys": "image", "channel_dim": "no_channel"})");
  CHECK(chain.result().dtype == DType::i16);
  chain.then(
      R"({"_target_": "EnsureTyped", "keys": ["image"], "device": "$torch.device('cpu') ", "track_meta": true})");
  CHECK(chain.result().dtype == DType::i16);
  chain.then(R"({"_target_": "EnsureTyped", "keys": "image", "dtype": "$torch.float32"})");
  CHECK(chain.result().dtype == DType::f32);
}

TEST_CASE("intensity steps compute MONAI's formula with the bundle's parameters", "[steps]") {
  Chain chain(ramp({2, 2, 2}));
  chain.then(
      R"({"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": 0, "a_max": 100, "b_min": 0, "b_max": 2, "clip": true})");
  CHECK(chain.result().as<float>()[7] == 2);
  CHECK(chain.result().as<float>()[3] == Approx(0.22f));
  chain.then(R"({"_target_": "NormalizeIntensityd", "keys": "image", "subtrahend": 1, "divisor": 2})");
  CHECK(chain.result().as<float>()[7] == 0.5f);
  chain.then(
      R"({"_target_": "ScaleIntensityRangePercentilesd", "keys": "image", "lower": 0, "upper": 100, "b_min": 0, "b_max": 1})");
  CHECK(chain.result().as<float>()[7] == Approx(1));
  CHECK(chain.result().as<float>()[0] == 0);
}

TEST_CASE("spatial steps leave a trace that Invertd goes back to the image's exact grid", "[steps]") {
  Affine lps = identity_affine();
  lps[0] = {-2, 0, 0, 10};
  lps[1] = {0, -3, 0, 20};
  const HostVolume image = ramp({6, 5, 4}, lps);
  Chain chain(image);
  chain.then(R"({"_target_": "LoadImaged", "keys": "image"})")
      .then(R"({"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"})")
      .then(R"({"_target_": "CropForegroundd", "keys": "image", "source_key": "image", "margin": 1})")
      .then(R"({"_target_": "Resized", "keys": "image", "spatial_size": [16, 14, 12], "mode": "nearest"})");
  CHECK(chain.trace().size() == 3);
  CHECK(chain.result().geometry.size == Int3{16, 14, 12});
  chain.then(R"({"_target_": "CopyItemsd", "keys": "image", "names": "pred"})")
      .then(R"({"_target_": "Invertd", "keys": "pred", "orig_keys": "image", "transform": "@preprocessing"})");
  const HostVolume back = chain.result("pred");
  CHECK(back.geometry == image.geometry);
  for (std::size_t i = 0; i < 120; ++i) REQUIRE(back.as<float>()[i] == static_cast<float>(image.as<std::int16_t>()[i]));
}

TEST_CASE("Spacingd makes the bundle's grid, and Invertd goes back to the image's", "[steps]") {
  Affine lps = identity_affine();
  lps[0] = {-0.8, 0, 0, 10};
  lps[1] = {0, -0.8, 0, 20};
  lps[2] = {0, 0, 5, -7};
  const HostVolume image = volume_of<std::int16_t>(
      {20, 18, 6}, [](int, int, int) { return 700; }, lps);
  Chain chain(image);
  chain.then(R"({"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"})")
      .then(
          R"({"_target_": "Spacingd", "keys": "image", "pixdim": [1.5, 1.5, 2.0], "mode": "bilinear", "dtype": "$np.float64"})");
  const HostVolume respaced = chain.result();
  CHECK(respaced.dtype == DType::f32);
  CHECK(respaced.geometry.size == Int3{11, 10, 14});  // 15.2 / 1.5 + 1 = 11.1, 13.6 / 1.5 + 1 = 10.1, 25 / 2 + 1 = 13.5
  CHECK(spacing_mm(respaced.geometry.affine)[2] == Approx(2));
  for (const float value : respaced.as<float>()) REQUIRE(value == 700);
  REQUIRE(chain.trace().size() == 2);
  chain.then(R"({"_target_": "CopyItemsd", "keys": "image", "names": "pred"})")
      .then(
          R"({"_target_": "Invertd", "keys": "pred", "orig_keys": "image", "transform": "@preprocessing", "nearest_interp": false})");
  CHECK(chain.result("pred").geometry == image.geometry);
  CHECK(chain.trace("pred").empty());
}

TEST_CASE("keys that start on about the same grid end with the same size, unless the bundle says no", "[steps]") {
  for (const bool same_shape : {true, false}) {
    Chain chain(ramp({4, 4, 4}));
    Affine affine = identity_affine();
    affine[0][0] = 1.0009;  // (4 - 1) * 1.0009 / 2 + 1 = 2.501, where 2.5 makes 2
    const HostVolume second = ramp({4, 4, 4}, affine);
    chain.dictionary.items["second"] = {upload(second, chain.rig.workspace), {}};
    chain.then(R"({"_target_": "Spacingd", "keys": ["image", "second"], "pixdim": 2, "mode": ["bilinear", "nearest"],
                   "ensure_same_shape": )" +
               std::string(same_shape ? "true" : "false") + "}");
    CHECK(chain.result("image").geometry.size == Int3{2, 2, 2});
    CHECK(chain.result("second").geometry.size == Int3{same_shape ? 2 : 3, 2, 2});
    CHECK(chain.result("image").as<float>()[7] == 222);
    CHECK(std::get<AppliedSpacing>(chain.trace("second")[0]).how.mode == GridMode::nearest);
  }
}

TEST_CASE("parameters per key go to their key", "[steps]") {
  Chain chain(ramp({4, 4, 4}));
  chain.then(R"({"_target_": "CopyItemsd", "keys": "image", "times": 1, "names": ["second"]})")
      .then(R"({"_target_": "Resized", "keys": ["image", "second"], "spatial_size": 2, "mode": ["area", "nearest"]})");
  CHECK(chain.result("image").as<float>()[0] == 55.5f);
  CHECK(chain.result("second").as<float>()[0] == 0);
}

TEST_CASE("post-processing steps make a label map, its largest part and its contour", "[steps]") {
  // Channel 1 wins in a block of 3x3x3 and at one far voxel.
  HostVolume logits = make_host_volume(DType::f32, 2, {{7, 7, 7}, identity_affine()});
  auto values = logits.as<float>();
  for (int x = 0; x < 7; ++x)
    for (int y = 0; y < 7; ++y)
      for (int z = 0; z < 7; ++z) {
        const std::size_t at = static_cast<std::size_t>((x * 7 + y) * 7 + z);
        const bool inside = x >= 1 && x <= 3 && y >= 1 && y <= 3 && z >= 1 && z <= 3;
        values[at] = 0;
        values[343 + at] = inside || (x == 6 && y == 6 && z == 6) ? 1.0f : -1.0f;
      }
  Chain chain(logits);
  chain.then(R"({"_target_": "AsDiscreted", "keys": "image", "argmax": true})");
  CHECK(chain.result().dtype == DType::u8);
  CHECK(chain.result().as<std::uint8_t>()[342] == 1);
  chain.then(R"({"_target_": "KeepLargestConnectedComponentd", "keys": "image", "applied_labels": [1]})");
  CHECK(chain.result().as<std::uint8_t>()[342] == 0);
  chain.then(R"({"_target_": "CopyItemsd", "keys": "image", "names": "contour"})")
      .then(R"({"_target_": "LabelToContourd", "keys": "contour"})");
  const HostVolume mask = chain.result(), contour = chain.result("contour");
  CHECK(std::count(mask.as<std::uint8_t>().begin(), mask.as<std::uint8_t>().end(), 1) == 27);
  CHECK(std::count(contour.as<std::uint8_t>().begin(), contour.as<std::uint8_t>().end(), 1) == 26);
}

TEST_CASE("SaveImaged keeps an item as it is at that point of the chain", "[steps]") {
  Chain chain(ramp({2, 2, 2}));
  chain
      .then(
          R"({"_target_": "SaveImaged", "keys": "image", "output_dir": "$os.getcwd() ", "output_dtype": "uint8", "resample": false})")
      .then(R"({"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": 0, "a_max": 1})");
  REQUIRE(chain.dictionary.outputs.size() == 1);
  CHECK(chain.dictionary.outputs[0].first == "image");
  CHECK(chain.dictionary.outputs[0].second.dtype() == DType::i16);
}

TEST_CASE("an unknown transform is refused by name, with the nearest that there is", "[steps]") {
  CHECK(refusal(R"({"_target_": "Resizedd", "keys": "image"})") ==
        "inference.json: t._target_: the transform 'Resizedd' is not supported; did you mean 'Resized'?");
  CHECK_THAT(refusal(R"({"_target_": "RandFlipd", "keys": "pred"})"),
             Contains("the transform 'RandFlipd' is not supported"));
  CHECK_THAT(refusal(R"({"keys": "pred"})"), Contains("the transform '' is not supported"));
}

TEST_CASE("what a step does not support is refused with its path", "[steps]") {
  CHECK_THAT(refusal(R"({"_target_": "LoadImaged", "keys": "image", "reader": "NumpyReader"})"),
             Contains("t.reader: 'NumpyReader' is not supported"));
  CHECK_THAT(refusal(R"({"_target_": "LoadImaged"})"), Contains("t.keys: is missing"));
  CHECK_THAT(refusal(R"({"_target_": "LoadImaged", "keys": "image", "allow_missing_keys": true})"),
             Contains("t.allow_missing_keys: True is not supported"));
  CHECK_THAT(refusal(R"({"_target_": "EnsureTyped", "keys": "image", "dtype": "float16"})"),
             Contains("t.dtype: 'float16'"));
  CHECK_THAT(refusal(R"({"_target_": "EnsureTyped", "keys": "image", "data_type": "numpy"})"),
             Contains("t.data_type: 'numpy'"));
  CHECK_THAT(refusal(R"({"_target_": "EnsureChannelFirstd", "keys": "image", "channel_dim": -1})"),
             Contains("t.channel_dim: -1 is not supported"));
  CHECK_THAT(refusal(R"({"_target_": "Invertd", "keys": "pred", "transform": "@other", "orig_keys": "image"})"),
             Contains("t.transform: only '@preprocessing'"));
  CHECK_THAT(
      refusal(R"({"_target_": "Invertd", "keys": "pred", "transform": "@preprocessing", "orig_keys": ["a", "b"]})"),
      Contains("t.orig_keys: 2 values for 1 keys"));
  CHECK_THAT(refusal(R"({"_target_": "CopyItemsd", "keys": "pred", "times": 2, "names": "contour"})"),
             Contains("t.names: 1 names for 2 copies of 1 keys"));
  CHECK_THAT(refusal(R"({"_target_": "CopyItemsd", "keys": "pred", "times": 99, "names": "contour"})"),
             Contains("t.times: expected 1 to 16"));
  CHECK_THAT(refusal(R"({"_target_": "SaveImaged", "keys": "pred", "resample": true})"),
             Contains("t.resample: True is not supported"));
  CHECK_THAT(
      refusal(R"({"_target_": "Resized", "keys": ["a", "b"], "spatial_size": 3, "mode": ["area", "area", "area"]})"),
      Contains("t.mode: 3 values for 2 keys"));
  CHECK_THAT(refusal(R"({"_target_": "CropForegroundd", "keys": "image"})"), Contains("t.source_key: is missing"));
  const auto spacing = [](const std::string& parameters) {
    return refusal(R"({"_target_": "Spacingd", "keys": "image")" + parameters + "}");
  };
  CHECK_THAT(spacing(""), Contains("t.pixdim: is missing"));
  CHECK_THAT(spacing(R"(, "pixdim": 1, "mode": "bicubic")"), Contains("t.mode: ") && Contains("bicubic"));
  CHECK_THAT(spacing(R"(, "pixdim": 1, "padding_mode": "wrap")"), Contains("t.padding_mode: ") && Contains("wrap"));
  CHECK_THAT(spacing(R"(, "pixdim": 1, "dtype": "float16")"), Contains("t.dtype: 'float16' is not supported"));
  CHECK_THAT(spacing(R"(, "pixdim": 1, "min_pixdim": 3, "max_pixdim": 2)"), Contains("min_pixdim[0]: 3"));
}

TEST_CASE("every step that there is is in the table under MONAI's name", "[steps]") {
  const std::vector<std::string> names = supported_steps();
  CHECK(names.size() == 25);
  CHECK(std::find(names.begin(), names.end(), "KeepLargestConnectedComponentd") != names.end());
  for (const std::string& name : names) CHECK(name.back() == 'd');
}

TEST_CASE("a memory plan knows the most that was in use at once", "[steps]") {
  MemoryPlan plan;
  {
    const auto first = plan.allocate(100);
    plan.scratch(50);
    const auto second = plan.allocate(20);
  }
  const auto third = plan.allocate(60);
  CHECK(plan.peak_bytes() == 150);
  CHECK_THROWS_AS(PlannedVolume(DType::f32, 1 << 30, {1 << 30, 1 << 30, 1 << 30}, plan), Error);
}

}  // namespace step_test
