#include "models/steps/label_steps.h"

#include <algorithm>
#include <functional>

#include "tests/models/steps/chain.h"
#include "tests/support/catch.h"
#include "tests/support/random_volume.h"

namespace label_steps_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

namespace {

/// What a step makes of a volume, once it is certain that no more memory was in use than the step had planned.
HostVolume result_of(const std::string& text, const HostVolume& volume) {
  const auto step = make(text);
  Rig rig;
  Dictionary dictionary;
  dictionary.items["pred"] = {upload(volume, rig.workspace), {}};
  rig.workspace.reset_peak();
  step->apply(dictionary, rig.context);
  HostVolume result = download(dictionary.at("pred").volume, rig.workspace);
  rig.stream->synchronize();

  MemoryPlan plan;
  PlannedDictionary planned;
  planned.items["pred"] = {PlannedVolume(volume.dtype, volume.channels, volume.geometry, plan), {}};
  step->plan(planned, plan);
  CHECK(rig.workspace.peak_bytes() <= plan.peak_bytes());
  CHECK(planned.at("pred").volume.dtype == result.dtype);
  CHECK(planned.at("pred").volume.channels == result.channels);
  return result;
}

HostVolume logits(int channels) { return Random(400).intensities(DType::f32, channels, {9, 8, 70}, false); }
using Transform = std::function<DeviceVolume(const DeviceVolume&, Workspace&)>;

bool same_bytes(const HostVolume& a, const HostVolume& b) {
  return std::ranges::equal(a.voxels.bytes(), b.voxels.bytes());
}

/// The step makes of the volume, which it changes, byte for byte what the transform does.
void check_is(const std::string& step, const HostVolume& volume, const Transform& transform) {
  CAPTURE(step, name_of(volume.dtype));
  const HostVolume got = result_of(step, volume);
  Rig rig;
  const HostVolume wanted = download(transform(upload(volume, rig.workspace), rig.workspace), rig.workspace);
  rig.stream->synchronize();
  CHECK(got.dtype == volume.dtype);
  CHECK(got.channels == volume.channels);
  CHECK(got.geometry == volume.geometry);
  CHECK(same_bytes(got, wanted));
  CHECK_FALSE(same_bytes(got, volume));
}

/// Two labels with a hole each, one of which leaks through an edge; of the second a speck beside, and two voxels of a
/// third.
HostVolume organs(DType type) {
  HostVolume volume = make_host_volume(type, 1, {{9, 8, 70}, identity_affine()});
  visit_dtype(type, [&](auto zero) {
    using T = decltype(zero);
    const HostVolume made = volume_of<T>({9, 8, 70}, [](int x, int y, int z) {
      const auto within = [&](int low, int high) {
        return x >= 1 && x <= 6 && y >= 1 && y <= 6 && z >= low && z <= high;
      };
      if ((x == 3 || x == 4) && y == 3 && (z == 15 || z == 45)) return 0;
      if (z == 46 && y == 2 && x == 3) return 0;
      if (z == 47 && y == 1 && x == 3) return 0;
      return within(10, 20) ? 1 : within(40, 47) || (x == 8 && z == 66) ? 2 : x == 0 && y == 0 && z >= 68 ? 3 : 0;
    });
    std::ranges::copy(made.as<T>(), volume.as<T>().begin());
  });
  return volume;
}

/// A one-hot of three channels: 0 or 1, with specks.
HostVolume specks() { return Random(402).labels(DType::f32, 3, {9, 8, 70}, 1, 0.7); }

HostVolume labels(DType type) { return Random(401).labels(type, 1, {9, 8, 70}, 2, 0.6); }

}  // namespace

TEST_CASE("Activationsd gives float32 of labels and logits, by the bundle's choice", "[steps]") {
  const HostVolume soft = result_of(R"({"_target_": "Activationsd", "keys": "pred", "softmax": true})", logits(3));
  const auto values = soft.as<float>();
  CHECK(values[0] + values[5040] + values[10080] == Approx(1));
  CHECK(result_of(R"({"_target_": "Activationsd", "keys": "pred", "sigmoid": true})", labels(DType::u8)).dtype ==
        DType::f32);
  CHECK(result_of(R"({"_target_": "Activationsd", "keys": "pred", "sigmoid": [true], "dim": 0})", labels(DType::i32))
            .dtype == DType::i32);
  CHECK(result_of(R"({"_target_": "Activationsd", "keys": "pred"})", labels(DType::u8)).dtype == DType::u8);
}

TEST_CASE("AsDiscreted does every use of MONAI's in the memory that it plans", "[steps]") {
  const auto discrete = [](const std::string& params, const HostVolume& volume) {
    return result_of(R"({"_target_": "AsDiscreted", "keys": "pred", )" + params + "}", volume);
  };
  CHECK(discrete(R"("argmax": true)", logits(3)).dtype == DType::u8);
  CHECK(discrete(R"("argmax": true)", logits(257)).dtype == DType::u16);
  CHECK(discrete(R"("argmax": true, "to_onehot": 4)", logits(3)).channels == 4);
  CHECK(discrete(R"("argmax": [true], "to_onehot": [3], "threshold": [0.5])", logits(3)).channels == 3);
  CHECK(discrete(R"("to_onehot": 3)", labels(DType::i32)).channels == 3);
  CHECK(discrete(R"("threshold": 0.5)", logits(2)).dtype == DType::u8);
  CHECK(discrete(R"("rounding": "torchrounding")", logits(2)).dtype == DType::f32);
  CHECK(discrete(R"("rounding": "torchrounding", "dtype": "$torch.int16")", logits(2)).dtype == DType::i16);
  CHECK(discrete(R"("argmax": true, "dtype": "$torch.int8")", logits(2)).dtype == DType::i8);
  CHECK(discrete(R"("argmax": false)", labels(DType::i16)).dtype == DType::f32);
  CHECK(discrete(R"("rounding": "torchrounding")", labels(DType::f64)).dtype == DType::f32);
}

TEST_CASE("parameters of AsDiscreted and Activationsd go to their key", "[steps]") {
  const auto discrete =
      make(R"({"_target_": "AsDiscreted", "keys": ["a", "b"], "argmax": [true, false], "threshold": [null, 0.5]})");
  const auto& per_key = dynamic_cast<const AsDiscreted&>(*discrete).params;
  CHECK((per_key[0].argmax && !per_key[0].threshold));
  CHECK((!per_key[1].argmax && per_key[1].threshold == 0.5));
  const auto active =
      make(R"({"_target_": "Activationsd", "keys": ["a", "b"], "sigmoid": [true, false], "softmax": [false, true]})");
  CHECK(dynamic_cast<const Activationsd&>(*active).params[0].sigmoid);
  CHECK(dynamic_cast<const Activationsd&>(*active).params[1].softmax);
}

TEST_CASE("FillHolesd fills what fill_holes fills, in the memory that it plans", "[steps]") {
  const auto by = [](FillHoles params) {
    return [=](const DeviceVolume& volume, Workspace& workspace) { return fill_holes(volume, params, workspace); };
  };
  for (const DType type : {DType::u8, DType::u16, DType::f32}) {
    check_is(R"({"_target_": "FillHolesd", "keys": "pred"})", organs(type), by({}));
    check_is(R"({"_target_": "FillHolesd", "keys": "pred", "applied_labels": [2], "connectivity": 1})", organs(type),
             by({.applied_labels = std::vector{2}, .connectivity = 1}));
  }
  check_is(R"({"_target_": "FillHolesd", "keys": "pred", "connectivity": 1})", specks(),
           by({.applied_labels = {}, .connectivity = 1}));
  // Walked by edges the second hole is open, and by faces it is not.
  CHECK_FALSE(
      same_bytes(result_of(R"({"_target_": "FillHolesd", "keys": "pred"})", organs(DType::u8)),
                 result_of(R"({"_target_": "FillHolesd", "keys": "pred", "connectivity": 1})", organs(DType::u8))));
}

TEST_CASE("RemoveSmallObjectsd removes what remove_small_objects removes, in the memory that it plans", "[steps]") {
  const auto by = [](double min_size, int connectivity, bool independent) {
    RemoveSmallObjects params;
    params.min_size = min_size;
    params.connectivity = connectivity;
    params.independent_channels = independent;
    return [=](const DeviceVolume& volume, Workspace& workspace) {
      return remove_small_objects(volume, params, workspace);
    };
  };
  const auto step = [](const std::string& params) {
    return R"({"_target_": "RemoveSmallObjectsd", "keys": "pred")" + params + "}";
  };
  for (const DType type : {DType::u8, DType::u16, DType::f32}) {
    check_is(step(""), organs(type), by(64, 1, true));
    check_is(step(R"(, "min_size": 3)"), organs(type), by(3, 1, true));
    check_is(step(R"(, "min_size": 20, "independent_channels": false)"), organs(type), by(20, 1, false));
  }
  check_is(step(R"(, "min_size": 3)"), specks(), by(3, 1, true));
  check_is(step(R"(, "min_size": 3, "connectivity": 2)"), specks(), by(3, 2, true));
  check_is(step(R"(, "min_size": 3, "independent_channels": false, "connectivity": 1)"), specks(), by(3, 1, false));
  // There are four axes, channels among them.
  const HostVolume sparse = Random(403).labels(DType::f32, 3, {9, 8, 70}, 1, 0.98);
  check_is(step(R"(, "min_size": 3, "independent_channels": false, "connectivity": 9)"), sparse, by(3, 4, false));
}

TEST_CASE("KeepLargestConnectedComponentd and LabelToContourd give what their transforms do", "[steps]") {
  KeepLargestConnectedComponent params;
  params.applied_labels = {2};
  for (const DType type : {DType::u8, DType::u16, DType::f32}) {
    check_is(R"({"_target_": "KeepLargestConnectedComponentd", "keys": "pred", "applied_labels": 2})", organs(type),
             [&](const DeviceVolume& volume, Workspace& workspace) {
               return keep_largest_connected_component(volume, params, workspace);
             });
    check_is(R"({"_target_": "LabelToContourd", "keys": "pred"})", organs(type), label_to_contour);
  }
}

TEST_CASE("numbers that MONAI takes for others are taken for the same ones", "[steps]") {
  const auto fill = [](const std::string& params) {
    return dynamic_cast<const FillHolesd&>(*make(R"({"_target_": "FillHolesd", "keys": "pred", )" + params + "}"))
        .params;
  };
  CHECK_FALSE(fill(R"("applied_labels": 0)").applied_labels.has_value());
  CHECK(fill(R"("applied_labels": [0])").applied_labels == std::vector{0});
  CHECK(fill(R"("applied_labels": 2)").applied_labels == std::vector{2});
  CHECK(fill(R"("connectivity": null)").connectivity == 3);
  CHECK(fill(R"("connectivity": 0)").connectivity == 3);
  CHECK(fill(R"("connectivity": -2)").connectivity == 1);
  CHECK(fill(R"("connectivity": 8)").connectivity == 3);
  const auto remove = make(
      R"({"_target_": "RemoveSmallObjectsd", "keys": "pred", "by_measure": true, "pixdim": [1, 2, 3], "connectivity": 0})");
  CHECK(dynamic_cast<const RemoveSmallObjectsd&>(*remove).params.connectivity == 1);
  CHECK_FALSE(dynamic_cast<const RemoveSmallObjectsd&>(*remove).params.pixdim.has_value());
}

TEST_CASE("CastToTyped and EnsureTyped give the type that is asked for", "[steps]") {
  CHECK(result_of(R"({"_target_": "CastToTyped", "keys": "pred"})", labels(DType::i16)).dtype == DType::f32);
  CHECK(result_of(R"({"_target_": "CastToTyped", "keys": "pred", "dtype": "$torch.uint8"})", logits(2)).dtype ==
        DType::u8);
  CHECK(result_of(R"({"_target_": "CastToTyped", "keys": "pred", "dtype": ["$np.int64"]})", logits(2)).dtype ==
        DType::i64);
  CHECK(result_of(R"({"_target_": "EnsureTyped", "keys": "pred", "dtype": "int16"})", logits(2)).dtype == DType::i16);
  CHECK(result_of(R"({"_target_": "EnsureTyped", "keys": "pred", "dtype": [null]})", labels(DType::u16)).dtype ==
        DType::u16);
  CHECK(result_of(R"({"_target_": "CastToTyped", "keys": "pred", "dtype": "$torch.long"})", logits(2)).dtype ==
        DType::i64);
}

TEST_CASE("ScaleIntensityd scales with the bundle's parameters", "[steps]") {
  const auto scaled = [](const std::string& params) {
    return result_of(R"({"_target_": "ScaleIntensityd", "keys": "pred")" + params + "}", logits(2));
  };
  const HostVolume unit = scaled("");
  CHECK(*std::min_element(unit.as<float>().begin(), unit.as<float>().end()) == 0);
  CHECK(*std::max_element(unit.as<float>().begin(), unit.as<float>().end()) == 1);
  const HostVolume wide = scaled(R"(, "minv": -1, "maxv": 3, "channel_wise": true)");
  CHECK(*std::min_element(wide.as<float>().begin(), wide.as<float>().end()) == -1);
  const HostVolume doubled = scaled(R"(, "minv": null, "maxv": null, "factor": 1)");
  CHECK(doubled.as<float>()[7] == 2 * logits(2).as<float>()[7]);
}

TEST_CASE("what label steps do not take is refused with its path", "[steps]") {
  const auto refused = [](const std::string& target, const std::string& params) {
    return refusal(R"({"_target_": ")" + target + R"(", "keys": "pred", )" + params + "}");
  };
  CHECK_THAT(refused("Activationsd", R"("other": "$torch.tanh")"), Contains("other"));
  CHECK_THAT(refused("Activationsd", R"("other": {"_target_": "torch.nn.Tanh"})"), Contains("t.other"));
  CHECK_THAT(refused("Activationsd", R"("softmax": true, "dim": 1)"), Contains("t.dim: only dim=0"));
  CHECK_THAT(refused("Activationsd", R"("softmax": true, "sigmoid": true)"), Contains("not together with sigmoid"));
  CHECK_THAT(refused("AsDiscreted", R"("to_onehot": true)"), Contains("t.to_onehot: expected a whole number"));
  CHECK_THAT(refused("AsDiscreted", R"("to_onehot": 0)"), Contains("t.to_onehot: expected 1 or more, found 0"));
  CHECK_THAT(refused("AsDiscreted", R"("threshold": true)"), Contains("t.threshold: expected a number"));
  CHECK_THAT(refused("AsDiscreted", R"("rounding": "up")"), Contains("t.rounding: expected 'torchrounding'"));
  CHECK_THAT(refused("AsDiscreted", R"("rounding": "torchrounding", "threshold": 1)"), Contains("cannot round"));
  CHECK_THAT(refused("AsDiscreted", R"("argmax": true, "keepdim": false)"), Contains("t.dim: only dim=0"));
  CHECK_THAT(refused("AsDiscreted", R"("argmax": true, "dtype": "$torch.bool")"), Contains("t.dtype: 'bool'"));
  CHECK_THAT(refused("CastToTyped", R"("dtype": "$torch.float16")"), Contains("voxd computes in float32"));
  CHECK_THAT(refused("CastToTyped", R"("dtype": "$torch.int")"), Contains("only 'int32' or 'int64'"));
  CHECK_THAT(refused("RemoveSmallObjectsd", R"("connectivity": null)"), Contains("t.connectivity: expected a whole"));
  CHECK_THAT(refused("RemoveSmallObjectsd", R"("pixdim": [1, 2])"), Contains("t.pixdim: expected 1 or 3"));
  CHECK_THAT(refused("RemoveSmallObjectsd", R"("size": 3)"), Contains("t.size"));
  CHECK_THAT(refused("FillHolesd", R"("connectivity": 1.5)"), Contains("t.connectivity: expected a whole number"));
}

}  // namespace label_steps_test
