#include "models/params.h"

#include "models/steps/step_params.h"
#include "tests/models/fixtures.h"
#include "tests/support/catch.h"

namespace params_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

namespace {

Config json(const std::string& text) { return Config::parse(text, Config::Format::json, "configs/inference.json"); }

}  // namespace

TEST_CASE("a wrong parameter is refused with file, path, value and what was expected", "[params]") {
  const Config config = json(
      R"({"t": [{"_target_": "Resized", "pixdim": [1, "x"], "flag": 3, "text": 1, "whole": 1.5, "huge": 3000000000, "keys": []}]})");
  Params params(config, "t::0");
  CHECK(message_of([&] { params.numbers("pixdim", {}); }) ==
        "configs/inference.json: t[0].pixdim: expected a number or a list of them, found [1, 'x']");
  CHECK_THAT(message_of([&] { params.flag("flag", false); }), Contains("t[0].flag: expected true or false, found 3"));
  CHECK_THAT(message_of([&] { params.text("text"); }), Contains("expected a string, found 1"));
  CHECK_THAT(message_of([&] { params.integer("whole", 0); }), Contains("expected a whole number"));
  CHECK_THAT(message_of([&] { params.integer("huge", 0); }), Contains("at most 31 bits"));
  CHECK_THAT(message_of([&] { params.texts("keys"); }),
             Contains("t[0].keys: expected a string or a list of strings, found []"));
  CHECK_THAT(message_of([&] { params.number("gone"); }), Contains("t[0].gone: is missing"));
}

TEST_CASE("booleans written as strings are booleans", "[params]") {
  const Config config = json(R"({"a": "True", "b": "False", "c": "true", "d": "no"})");
  Params params(config, "");
  CHECK(params.flag("a", false));
  CHECK_FALSE(params.flag("b", true));
  CHECK(params.flag("c", false));
  CHECK_THROWS_AS(params.flag("d", false), Error);
}

TEST_CASE("a parameter that nobody asked for is refused with the nearest that there is", "[params]") {
  const Config config = json(R"({"_target_": "Resized", "keys": "image", "spatial_sise": [1, 2, 3]})");
  Params params(config, "");
  params.texts("keys");
  params.integers("spatial_size", {});
  CHECK(message_of([&] { params.finish(); }) ==
        "configs/inference.json: spatial_sise: is not a parameter of Resized that is supported; did you mean "
        "'spatial_size'?");
}

TEST_CASE("what is ignored is not even evaluated", "[params]") {
  const Config config = json(R"({"output_dir": "$os.path.join('a', 'b') "})");
  Params params(config, "");
  params.ignore({"output_dir"});
  CHECK_NOTHROW(params.finish());
}

TEST_CASE("a transform's name may be bare, dotted, or end in D or Dict; foreign code is refused", "[params]") {
  const Config config = json(
      R"({"a": {"_target_": "LoadImaged"}, "b": {"_target_": "monai.transforms.io.dictionary.LoadImageD"}, "c": {"_target_": "LoadImageDict"},
    "d": {"_target_": "scripts.transforms.Mine"}, "e": {"_target_": 3}, "f": {"_target_": "X", "_mode_": "callable"}})");
  CHECK(Params(config, "a").target() == "LoadImaged");
  CHECK(Params(config, "b").target() == "LoadImaged");
  CHECK(Params(config, "c").target() == "LoadImaged");
  CHECK_THAT(message_of([&] { Params(config, "d"); }),
             Contains("d._target_: 'scripts.transforms.Mine' is the bundle's own Python code"));
  CHECK_THAT(message_of([&] { Params(config, "e"); }), Contains("expected a class name, found 3"));
  CHECK_THAT(message_of([&] { Params(config, "f"); }), Contains("_mode_: only 'default' is supported"));
}

TEST_CASE("types are known by MONAI's, torch's and numpy's names", "[params]") {
  const Config config = json(R"({"a": "float32", "b": "$torch.float", "c": "$np.int16", "d": null, "e": 3})");
  Params params(config, "");
  CHECK(params.dtype("a") == "float32");
  CHECK(params.dtype("b") == "float32");
  CHECK(params.dtype("c") == "int16");
  CHECK(params.dtype("d").empty());
  CHECK_THROWS_AS(params.dtype("e"), Error);
}

TEST_CASE("parameters per key are taken one by one, and must be as many as the keys", "[params]") {
  const Config config = json(R"({"mode": ["area", "nearest"], "shared": 3})");
  const Params params(config, "");
  CHECK(params.for_key(0, 2, {"mode"}).text("mode") == "area");
  CHECK(params.for_key(1, 2, {"mode"}).text("mode") == "nearest");
  CHECK(params.for_key(1, 2, {"mode"}).integer("shared", 0) == 3);
  CHECK_THAT(message_of([&] { params.for_key(0, 3, {"mode"}).text("mode"); }), Contains("mode: 2 values for 3 keys"));
}

TEST_CASE("the nearest name is found, and none where none is near", "[params]") {
  const std::vector<std::string> names{"inputs", "outputs", "warm_up_size", "sha256"};
  CHECK(nearest_name("input", names) == "inputs");
  CHECK(nearest_name("ouptuts", names) == "outputs");
  CHECK(nearest_name("warmup_size", names) == "warm_up_size");
  CHECK(nearest_name("precision", names).empty());
}

TEST_CASE("MONAI's parameters become those of the transforms", "[params]") {
  const auto scale = params_from_json<ScaleIntensityRange>(
      R"({"a_min": -57, "a_max": 164, "b_min": 0.0, "b_max": 1.0, "clip": true})", "x");
  CHECK(scale.a_min == -57);
  CHECK(scale.b_max == 1.0);
  CHECK(scale.clip);
  CHECK_FALSE(params_from_json<ScaleIntensityRange>(R"({"a_min": 0, "a_max": 1})", "x").b_min);
  CHECK(params_from_json<OrientationParams>(R"({"axcodes": "LPS", "labels": null})", "x").axcodes == "LPS");
  CHECK(params_from_json<OrientationParams>(R"({"axcodes": null, "as_closest_canonical": true})", "x").axcodes ==
        "RAS");
  const auto crop =
      params_from_json<CropForeground>(R"({"margin": [1, 0, 5], "k_divisible": 4, "channel_indices": 0})", "x");
  CHECK(crop.margin == std::vector<int>{1, 0, 5});
  CHECK(crop.k_divisible == std::vector<int>{4});
  CHECK(crop.channel_indices == std::vector<int>{0});
  CHECK(crop.padding.mode == PadMode::constant);
  CHECK(params_from_json<CropForeground>(R"({"mode": "minimum"})", "x").padding.mode == PadMode::minimum);
  const auto pad = params_from_json<SpatialPad>(R"({"spatial_size": [5, -1, 0], "method": "end", "value": 2.5})", "x");
  CHECK(pad.spatial_size == std::vector<int>{5, -1, 0});
  CHECK(pad.at_end);
  CHECK(pad.padding.value == 2.5);
  CHECK(params_from_json<BorderPad>(R"({"spatial_border": 3, "mode": "replicate"})", "x").padding.mode ==
        PadMode::edge);
  const auto size = params_from_json<Resize>(
      R"({"spatial_size": 13, "size_mode": "longest", "mode": "nearest", "align_corners": null})", "x");
  CHECK(size.longest);
  CHECK(size.mode == Interpolation::nearest);
  CHECK(params_from_json<Resize>(R"({"spatial_size": 9, "anti_aliasing": true, "anti_aliasing_sigma": 1.5})", "x")
            .anti_aliasing_sigma == std::vector<double>{1.5});
  const auto largest =
      params_from_json<KeepLargestConnectedComponent>(R"({"applied_labels": null, "connectivity": null})", "x");
  CHECK_FALSE(largest.applied_labels);
  CHECK(largest.connectivity == 3);
  CHECK(params_from_json<NormalizeIntensity>(R"({"subtrahend": 100.0, "divisor": 50.0})", "x").divisor ==
        std::vector<double>{50});
}

TEST_CASE("parameters that MONAI would refuse, or voxd does not support, are refused by name", "[params]") {
  const auto refusal = [](auto zero, const std::string& json_text) {
    return message_of([&] { params_from_json<decltype(zero)>(json_text, "case"); });
  };
  CHECK_THAT(refusal(ScaleIntensityRange{}, R"({"a_min": 0, "a_max": 1, "clip": true})"),
             Contains("case: clip: needs b_min or b_max"));
  CHECK_THAT(refusal(ScaleIntensityRange{}, R"({"a_min": 0})"), Contains("case: a_max: is missing"));
  CHECK_THAT(refusal(ScaleIntensityRange{}, R"({"a_min": 0, "a_max": 1, "dtype": "float16"})"),
             Contains("dtype: 'float16' is not supported"));
  CHECK_THAT(refusal(ScaleIntensityRangePercentiles{}, R"({"lower": -1, "upper": 99, "b_min": 0, "b_max": 1})"),
             Contains("lower: must be in 0..100"));
  CHECK_THAT(refusal(CropForeground{}, R"({"mode": "mean"})"),
             Contains("mode: ") && Contains("\"mean\" is not supported"));
  CHECK_THAT(refusal(CropForeground{}, R"({"mode": "minimum", "value": 1})"),
             Contains("value: is for the mode 'constant' only"));
  CHECK_THAT(refusal(CropForeground{}, R"({"margin": -1})"), Contains("margin: must be 0 or more, found -1"));
  CHECK_THAT(refusal(CropForeground{}, R"({"margin": [1, 2]})"), Contains("margin: expected 1 or 3 numbers, got 2"));
  CHECK_THAT(refusal(Resize{}, R"({"spatial_size": [1, 2]})"),
             Contains("spatial_size: expected 1 or 3 numbers, got 2"));
  CHECK_THAT(refusal(Resize{}, R"({"spatial_size": 6, "anti_aliasing_sigma": [1, 2]})"),
             Contains("anti_aliasing_sigma: expected 1 or 3 numbers, got 2"));
  CHECK_THAT(refusal(Resize{}, R"({"spatial_size": 6, "anti_aliasing_sigma": -1})"),
             Contains("anti_aliasing_sigma: must be finite numbers of 0 or more"));
  CHECK_THAT(refusal(Resize{}, R"({"spatial_size": [6, 6, 6], "mode": "bicubic"})"),
             Contains("mode: ") && Contains("bicubic"));
  CHECK_THAT(refusal(OrientationParams{}, R"({"axcodes": "RAX"})"), Contains("axcodes: ") && Contains("RAX"));
  CHECK_THAT(refusal(AsDiscrete{}, R"({"rounding": "torchrounding", "threshold": 0.5})"),
             Contains("rounding: cannot round what threshold has made"));
  CHECK_THAT(refusal(AsDiscrete{}, R"({"to_onehot": true})"), Contains("to_onehot: expected a whole number"));
  CHECK_THAT(refusal(Activations{}, R"({"softmax": true, "dim": 1})"), Contains("dim: only dim=0 is supported"));
  CHECK_THAT(refusal(ScaleIntensity{}, R"({"minv": "low"})"), Contains("minv: expected a number"));
  CHECK_THAT(refusal(CastToTypeParams{}, R"({"dtype": "float16"})"), Contains("dtype: 'float16' is not supported"));
  CHECK_THAT(refusal(KeepLargestConnectedComponent{}, R"({"connectivity": 4})"),
             Contains("connectivity: expected 1, 2 or 3, found 4"));
  CHECK_THAT(refusal(NormalizeIntensity{}, R"({"subtrahend": [1, 2]})"),
             Contains("subtrahend: several values need channel_wise"));
  CHECK_THAT(refusal(LabelToContourParams{}, R"({"kernel_type": "Sobel"})"), Contains("kernel_type: 'Sobel'"));
}

}  // namespace params_test
