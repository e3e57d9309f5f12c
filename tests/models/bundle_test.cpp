#include "models/bundle.h"

#include "tests/models/bundle_folder.h"
#include "tests/support/catch.h"

namespace bundle_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

namespace {

std::string refusal(const std::string& inference, const std::string& metadata = plain_metadata,
                    const std::string& serving = "") {
  const BundleFolder bundle(inference, metadata, serving);
  return message_of([&] { read_bundle(bundle.path, false); });
}

std::string serving_refusal(const std::string& serving) { return refusal(plain_chain(), plain_metadata, serving); }

}  // namespace

TEST_CASE("a chain ends on the image's grid if nothing moved its voxels or Invertd took them back", "[bundle]") {
  const auto ends_there = [](const std::string& pre, const std::string& post) {
    const std::string save_pred = R"({"_target_": "SaveImaged", "keys": "pred"})";
    const BundleFolder folder(chain_config(load_step + pre, post + argmax_step + "," + save_pred), plain_metadata, "");
    return read_bundle(folder.path, false).description.ends_on_input_grid;
  };
  CHECK(ends_there("," + scale_step, ""));
  CHECK_FALSE(ends_there("," + crop_step, ""));
  CHECK(ends_there("," + crop_step, invert_step + ","));
  const std::string orientation = R"({"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"})";
  CHECK_FALSE(ends_there("," + orientation, ""));
}

TEST_CASE("a bundle's description comes from its three files", "[bundle]") {
  const BundleFolder folder(
      plain_chain(), plain_metadata,
      R"({"warm_up_size": [32, 16, 8], "warm_up_image": [9, 8, 7], "outputs": [{"name": "MASK", "key": "pred", "datatype": "UINT8", "shape": [1, -1, -1, -1]}]})");
  const Bundle bundle = read_bundle(folder.path, false);
  CHECK(bundle.description.name == "demo");
  CHECK(bundle.description.task == "Testing");
  CHECK(bundle.description.description == "from metadata");
  CHECK(bundle.description.metadata_version == "1.2.3");
  CHECK(bundle.description.mask_key == "pred");
  CHECK(bundle.description.contour_key == "contour");
  CHECK(bundle.description.labels == std::map<std::int32_t, std::string>{{1, "organ"}});
  CHECK(bundle.warm_up_size == Int3{32, 16, 8});
  CHECK(bundle.description.warm_up_image == Int3{9, 8, 7});
  CHECK(bundle.description.input_channels == 1);
  REQUIRE(bundle.description.inputs.size() == 1);
  CHECK(bundle.description.inputs[0].name == "image");
  CHECK(bundle.description.inputs[0].shape == std::vector<std::int64_t>{1, -1, -1, -1});
  REQUIRE(bundle.description.outputs.size() == 1);
  CHECK(bundle.description.outputs[0].name == "MASK");
  CHECK(bundle.pre.size() == 3);
  CHECK(bundle.post.size() == 4);  // Invertd and AsDiscreted are one step
}

TEST_CASE("an image's channels have the names of metadata.json, or none of them has", "[bundle]") {
  const auto names = [](const std::string& channels) {
    const BundleFolder demo(
        plain_chain(),
        R"({"network_data_format": {"inputs": {"image": {"num_channels": 2, "channel_def": )" + channels + "}}}}");
    return read_bundle(demo.path, false).description.channel_names;
  };
  CHECK(names(R"({"1": "T2", "0": "T1"})") == std::vector<std::string>{"T1", "T2"});
  CHECK(names(R"({"0": "T1"})").empty());
  CHECK(names(R"({"0": "T1", "1": "T1"})").empty());
  CHECK(names("{}").empty());
}

TEST_CASE("without metadata and serving files a bundle still has tensors to call it with", "[bundle]") {
  const BundleFolder folder(plain_chain(), "");
  const Bundle bundle = read_bundle(folder.path, false);
  CHECK(bundle.description.labels.empty());
  REQUIRE(bundle.description.outputs.size() == 2);
  CHECK(bundle.description.outputs[1].key == "contour");
}

TEST_CASE("a chain that saves nothing returns the network's answer as the chain leaves it", "[bundle]") {
  const BundleFolder folder(chain_config(load_step, argmax_step));
  const Bundle bundle = read_bundle(folder.path, false);
  CHECK(bundle.description.mask_key == "pred");
  CHECK(bundle.description.contour_key.empty());
  CHECK(bundle.post.size() == 2);
}

TEST_CASE("YAML bundles are bundles, and transforms may stand elsewhere in the file", "[bundle]") {
  const TemporaryFolder folder;
  write_file(folder.path() / "y" / "configs" / "inference.yaml", R"(
image_key: image
load: {_target_: monai.transforms.LoadImaged, keys: "@image_key"}
more:
- {_target_: EnsureTyped, keys: "@image_key"}
preprocessing:
  _target_: Compose
  transforms: "$[@load] + @more"
postprocessing:
  _target_: Compose
  transforms:
  - {_target_: AsDiscreted, keys: pred, argmax: "True"}
  - {_target_: SaveImaged, keys: pred}
)");
  const Bundle bundle = read_bundle(folder.path() / "y", false);
  CHECK(bundle.pre.size() == 2);
  CHECK(bundle.pre[0]->name() == "LoadImaged");
}

TEST_CASE("a macro takes part of the chain from another file of the bundle", "[bundle]") {
  const std::string inference =
      R"({"preprocessing": {"_target_": "Compose", "transforms": "%configs/steps.yaml::before"},
    "inferer": "%steps.yaml::inferer", "lost": "%../../secret.json::a"})";
  const BundleFolder demo(inference);
  write_file(
      demo.path / "configs" / "steps.yaml",
      "before:\n- {_target_: LoadImaged, keys: image}\ninferer: {_target_: SlidingWindowInferer, roi_size: 64}\n");
  CHECK(read_bundle(demo.path, false).warm_up_size == Int3{64, 64, 64});

  SECTION("but not from outside") {
    for (const std::string file : {"../other.json", "/etc/other.json", "absent.json"}) {
      const BundleFolder outside(R"({"preprocessing": ")" + ("%" + file) +
                                 R"(::a", "inferer": {"_target_": "SimpleInferer"}})");
      CHECK_THAT(message_of([&] { read_bundle(outside.path, false); }),
                 Contains("demo/configs/inference.json: preprocessing") && Contains(file) && Contains("the bundle"));
    }
  }
}

TEST_CASE("what is missing or not supported in a bundle is refused with its place", "[bundle]") {
  const TemporaryFolder empty;
  CHECK(code_of([&] { read_bundle(empty.path() / "nothing", false); }) == "not_found");
  CHECK_THAT(message_of([&] { read_bundle(empty.path() / "nothing", false); }),
             Contains("nothing: no configs/inference.json, .yaml or .yml"));
  CHECK_THAT(refusal(R"({"inferer": 1})"),
             Contains("demo/configs/inference.json") && Contains("there is no 'preprocessing'"));
  CHECK_THAT(refusal(R"({"preprocessing": [1]})"),
             Contains("preprocessing: expected a Compose of transforms, found [1]"));
  CHECK_THAT(refusal(R"({"preprocessing": {"_target_": "OneOf", "transforms": []}})"),
             Contains("preprocessing._target_: 'OneOf' is not supported"));
  CHECK_THAT(refusal(chain_config("", argmax_step)), Contains("preprocessing: has no transforms"));
  CHECK_THAT(refusal(chain_config(scale_step, argmax_step)),
             Contains("a chain must start with LoadImaged, found 'ScaleIntensityRanged'"));
  CHECK_THAT(refusal(chain_config(R"({"_target_": "LoadImaged", "keys": ["a", "b"]})", argmax_step)),
             Contains("several images under keys of their own"));
  CHECK_THAT(refusal(chain_config(R"({"_target_": "LoadImaged", "keys": "scan"})", argmax_step)),
             Contains("the network is given the item 'image', but the image arrives as 'scan'"));
  CHECK_THAT(refusal(chain_config(load_step + "," + save_step, argmax_step)),
             Contains("there is no item 'pred' at this point, only 'image'"));
  CHECK_THAT(
      refusal(chain_config(load_step, argmax_step + "," + save_step)),
      Contains("postprocessing.transforms[1].keys: there is no item 'contour' at this point, only 'image', 'pred'"));
  CHECK_THAT(refusal(chain_config(
                 load_step,
                 R"({"_target_": "Invertd", "keys": "pred", "transform": "@preprocessing", "orig_keys": "label"})")),
             Contains("postprocessing.transforms[0].orig_keys: there is no item 'label'"));
  CHECK_THAT(refusal(chain_config(load_step, R"({"_target_": "CopyItemsd", "keys": "pred", "names": "image"})")),
             Contains("names: there is an item 'image' already"));
  CHECK_THAT(
      refusal(chain_config(
          load_step,
          argmax_step + R"(,{"_target_": "SaveImaged", "keys": "pred"},{"_target_": "SaveImaged", "keys": "pred"})")),
      Contains("'pred' is saved twice"));
  CHECK_THAT(refusal(R"({"preprocessing": {"_target_": "Compose", "transforms": [)" + load_step +
                     R"(]}, "inferer": {"_target_": "SliceInferer", "roi_size": [1, 1]}})"),
             Contains("inferer._target_: the inferer 'SliceInferer' is not supported, only SimpleInferer, Sliding"));
  CHECK_THAT(
      refusal(R"({"preprocessing": {"_target_": "Compose", "transforms": [)" + load_step + R"(], "map_item": true}})"),
      Contains("preprocessing.map_item: is not a parameter of Compose") && Contains("'map_items'"));
}

TEST_CASE("metadata that contradicts itself is refused", "[bundle]") {
  CHECK_THAT(refusal(plain_chain(), R"({"network_data_format": {"inputs": {"image": {"num_channels": "one"}}}})"),
             Contains("metadata.json: network_data_format.inputs.image.num_channels: expected a number in 1..256"));
  CHECK_THAT(
      refusal(plain_chain(), R"({"network_data_format": {"outputs": {"pred": {"channel_def": {"x": "organ"}}}}})"),
      Contains("expected label numbers with names, found 'x'"));
  CHECK_THAT(refusal(plain_chain(), "{"), Contains("demo/configs/metadata.json: not JSON"));
}

TEST_CASE("serving.json is strict: each mistake is refused with its path", "[bundle]") {
  CHECK(serving_refusal(R"({"description": "x", "mask": "pred", "contour": "contour"})").empty());
  CHECK(serving_refusal(R"({"warmup_size": [1, 2, 3]})") ==
        "demo/configs/serving.json: warmup_size: is not known; did you mean 'warm_up_size'?");
  CHECK_THAT(
      serving_refusal(R"({"inputs": [{"name": "A", "key": "image", "datatype": "FP32", "shape": [1], "dims": 3}]})"),
      Contains("serving.json: inputs[0].dims: is not known"));
  CHECK(serving_refusal(R"({"precision": "bf16", "rewrite": false})").empty());
  CHECK(serving_refusal(R"({"precision": "fp16"})") ==
        "demo/configs/serving.json: precision: expected 'fp32' or 'bf16', found 'fp16'");
  CHECK_THAT(serving_refusal(R"({"rewrite": 1})"), Contains("serving.json: rewrite: "));
  CHECK_THAT(serving_refusal(R"({"inputs": []})"), Contains("inputs: expected a list of tensors"));
  CHECK_THAT(serving_refusal(R"({"inputs": [3]})"), Contains("inputs[0]: expected a map"));
  CHECK_THAT(serving_refusal(R"({"inputs": [{"key": "image"}]})"), Contains("inputs[0].name: is missing"));
  CHECK_THAT(serving_refusal(R"({"inputs": [{"name": "A", "key": "image", "datatype": "float", "shape": [1]}]})"),
             Contains("inputs[0].datatype: 'float' is not a numeric datatype"));
  CHECK_THAT(serving_refusal(R"({"inputs": [{"name": "A", "key": "image", "datatype": "FP32", "shape": [0]}]})"),
             Contains("inputs[0].shape: expected sizes > 0, or -1"));
  CHECK_THAT(serving_refusal(R"({"inputs": [{"name": "A", "key": "pred", "datatype": "FP32", "shape": [1]}]})"),
             Contains("inputs[0].key: there is no 'pred', only 'image'"));
  const std::string mask = R"({"name": "M", "key": "pred", "datatype": "UINT8", "shape": [1]})";
  CHECK_THAT(serving_refusal(R"({"outputs": [)" + mask + "," + mask + "]}"),
             Contains("outputs[1]: a second tensor with the name 'M'"));
  CHECK_THAT(serving_refusal(R"({"outputs": [{"name": "M", "key": "image", "datatype": "UINT8", "shape": [1]}]})"),
             Contains("outputs[0].key: there is no 'image', only 'pred', 'contour'"));
  CHECK_THAT(serving_refusal(R"({"mask": "organ"})"), Contains("mask: there is no 'organ'"));
  CHECK_THAT(serving_refusal(R"({"contour": "organ"})"), Contains("contour: there is no 'organ'"));
  CHECK_THAT(serving_refusal(R"({"warm_up_size": [1, 2]})"), Contains("warm_up_size: expected 3 sizes in 1..1024"));
  CHECK_THAT(serving_refusal(R"({"warm_up_image": [1, 2, 0]})"),
             Contains("warm_up_image: expected 3 sizes in 1..1024"));
  CHECK_THAT(serving_refusal(R"({"sha256": "abc"})"), Contains("sha256: expected 64 lower-case hex digits"));
  const BundleFolder folder(plain_chain(), plain_metadata, R"({"unknown": 1})");
  CHECK(code_of([&] { read_bundle(folder.path, false); }) == "invalid_argument");
}

TEST_CASE("a numbered version is called by the name of the folder above", "[bundle]") {
  const BundleFolder folder;
  std::filesystem::create_directories(folder.folder.path() / "model" / "3");
  std::filesystem::rename(folder.path / "configs", folder.folder.path() / "model" / "3" / "configs");
  CHECK(read_bundle(folder.folder.path() / "model" / "3", false).description.name == "model");
  CHECK(read_bundle(folder.folder.path() / "model" / "3" / "", false).description.name == "model");
}

}  // namespace bundle_test
