#include "models/probability.h"

#include "models/bundle.h"
#include "tests/models/bundle_folder.h"
#include "tests/models/scores_network.h"
#include "tests/support/catch.h"
#include "tests/support/random_volume.h"

namespace probability_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

namespace {

const std::string pre = load_step + R"(, {"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"},
  {"_target_": "Spacingd", "keys": "image", "pixdim": [1.3, 1.1, 1.6]},)" +
                        scale_step;
const std::string softmax_step = R"({"_target_": "Activationsd", "keys": "pred", "softmax": true})";
const std::string sigmoid_step = R"({"_target_": "Activationsd", "keys": "pred", "sigmoid": true})";
const std::string threshold_step = R"({"_target_": "AsDiscreted", "keys": "pred", "threshold": 0.5})";
const std::string nearest_step =
    R"({"_target_": "Invertd", "keys": "pred", "transform": "@preprocessing", "orig_keys": "image", "nearest_interp": true})";
const std::string window_inferer = R"({"_target_": "SlidingWindowInferer", "roi_size": [16, 12, 10], "overlap": 0.5})";
const std::string whole_inferer = R"({"_target_": "SimpleInferer"})";

std::string chain(const std::string& post, const std::string& inferer) {
  return R"({"preprocessing": {"_target_": "Compose", "transforms": [)" + pre + R"(]}, "inferer": )" + inferer +
         R"(, "postprocessing": {"_target_": "Compose", "transforms": [)" + post + "]}}";
}

HostVolume image() {
  Random random(31);
  HostVolume volume = make_host_volume(DType::f32, 1, {{70, 61, 50}, random.affine(false)});
  for (float& voxel : volume.as<float>()) voxel = static_cast<float>(random.between(-20, 120));
  return volume;
}

/// Needs no memory beside its answer.
struct PlainNetwork final : ScoresNetwork {
  using ScoresNetwork::ScoresNetwork;
  std::int64_t peak_bytes(std::int32_t, const Int3&) const override { return 0; }
};

struct Run {
  PipelineResult result;
  std::int64_t stated_peak = 0;
};

Run run(const std::string& post, const std::string& inferer, const std::string& serving, bool probabilities) {
  const auto network = std::make_shared<PlainNetwork>(3, 0.0f, 1.0f);
  const auto pipeline = Pipeline::load(BundleFolder(chain(post, inferer), plain_metadata, serving).path, -1, network);
  Rig rig(make_cpu_stream(), 0, true);
  const Extras extras{.probabilities = probabilities};
  const HostVolume volume = image();
  const std::int64_t peak = pipeline->peak_bytes(volume.dtype, 1, volume.geometry, extras);
  return {pipeline->run(images_of(image()), rig.context, allocate_host, extras), peak};
}

/// Probabilities of `post` are what the chain `written` ends with, and the labels are those of a run without them.
void check_probabilities(const std::string& post, const std::string& written) {
  CAPTURE(post);
  for (const std::string& inferer : {whole_inferer, window_inferer})
    for (const std::string serving : {"{}", R"({"fuse": false})"}) {
      const Run got = run(post, inferer, serving, true);
      const Run other = run(written, inferer, serving, false);
      const PipelineResult& wanted = other.result;
      REQUIRE(got.result.probabilities);
      CHECK(got.result.probabilities->dtype == DType::f32);
      CHECK(got.result.probabilities->channels == 3);
      CHECK(got.result.probabilities->geometry == wanted.at("pred").geometry);
      CHECK(std::ranges::equal(got.result.probabilities->as<float>(), wanted.at("pred").as<float>()));
      CHECK(got.result.peak_bytes <= got.stated_peak);
      // What is stated too much is so for both: the grid that an oblique image is resampled to is not known before.
      CHECK(got.stated_peak - got.result.peak_bytes == other.stated_peak - other.result.peak_bytes);

      const PipelineResult alone = run(post, inferer, serving, false).result;
      CHECK_FALSE(alone.probabilities);
      CHECK(std::ranges::equal(alone.at("pred").voxels.bytes(), got.result.at("pred").voxels.bytes()));
    }
}

}  // namespace

TEST_CASE("probabilities are what the chain makes labels of, on the mask's grid", "[probability]") {
  SECTION("the softmax of scores that are only compared") { check_probabilities(argmax_step, softmax_step); }
  SECTION("the chain's own softmax") { check_probabilities(softmax_step + "," + argmax_step, softmax_step); }
  SECTION("the chain's own sigmoid") { check_probabilities(sigmoid_step + "," + threshold_step, sigmoid_step); }
  SECTION("scores that are thresholded as they are") {
    check_probabilities(threshold_step + "," + invert_step, invert_step);
  }
  SECTION("taken back as the scores are") {
    check_probabilities(invert_step + "," + argmax_step, softmax_step + "," + invert_step);
  }
  SECTION("taken back linearly where labels are taken back as labels") {
    check_probabilities(argmax_step + "," + nearest_step, softmax_step + "," + invert_step);
  }
}

TEST_CASE("a chain that makes no labels of scores has no probabilities", "[probability]") {
  const BundleFolder demo(chain(softmax_step, whole_inferer));
  CHECK_FALSE(read_bundle(demo.path, false).description.has_probabilities);
  CHECK_THAT(message_of([&] { run(softmax_step, whole_inferer, "{}", true); }),
             Contains("model 'demo' has no probabilities"));
}

TEST_CASE("probabilities can be a tensor of serving.json", "[probability]") {
  const auto serving = [](const std::string& key) {
    return R"({"outputs": [{"name": "P", "key": ")" + key + R"(", "datatype": "FP32", "shape": [3, -1, -1, -1]}]})";
  };
  const BundleFolder demo(chain(argmax_step, whole_inferer), plain_metadata, serving("probabilities"));
  CHECK(read_bundle(demo.path, false).description.outputs[0].key == probabilities_key);
  const BundleFolder without(chain(softmax_step, whole_inferer), plain_metadata, serving("probabilities"));
  CHECK_THAT(message_of([&] { read_bundle(without.path, false); }),
             Contains("there is no 'probabilities', only 'pred'"));
}

}  // namespace probability_test
