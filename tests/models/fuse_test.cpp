#include "models/fuse.h"

#include <algorithm>

#include "models/steps/item_steps.h"
#include "tests/gpu_transforms/streams.h"
#include "tests/models/bundle_folder.h"
#include "tests/models/scores_network.h"
#include "tests/support/catch.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference.h"

namespace fuse_test {

using namespace voxd;
using namespace voxd::test;

namespace {

const std::string orient_step = R"({"_target_": "Orientationd", "keys": "image", "axcodes": "RAS"})";
const std::string spacing_step = R"({"_target_": "Spacingd", "keys": "image", "pixdim": [1.5, 1.5, 2.0]})";
const std::string first_step = R"({"_target_": "EnsureChannelFirstd", "keys": "image"})";
const std::string typed_step = R"({"_target_": "EnsureTyped", "keys": "image"})";
const std::string area_step = R"({"_target_": "Resized", "keys": "image", "spatial_size": [20, 24, 18]})";
const std::string range_step =
    R"({"_target_": "ScaleIntensityRanged", "keys": "image", "a_min": -50, "a_max": 150, "b_min": 0, "b_max": 1, "clip": true})";
const std::string softmax_step = R"({"_target_": "Activationsd", "keys": "pred", "softmax": true})";
const std::string nearest_step =
    R"({"_target_": "Invertd", "keys": "pred", "transform": "@preprocessing", "orig_keys": "image", "nearest_interp": true})";
const std::string normalize_step = R"({"_target_": "NormalizeIntensityd", "keys": "image"})";
const std::string windows =
    R"({"_target_": "SlidingWindowInferer", "roi_size": [16, 12, 10], "sw_batch_size": 3, "overlap": 0.5, "mode": "gaussian"})";

std::string joined(std::initializer_list<std::string> steps) {
  std::string text;
  for (const std::string& step : steps) text += (text.empty() ? "" : ",") + step;
  return text;
}

std::string chain(std::initializer_list<std::string> pre, std::initializer_list<std::string> post,
                  const std::string& inferer = R"({"_target_": "SimpleInferer"})") {
  return R"({"preprocessing": {"_target_": "Compose", "transforms": [)" + joined(pre) + R"(]}, "inferer": )" + inferer +
         R"(, "postprocessing": {"_target_": "Compose", "transforms": [)" + joined(post) + "]}}";
}

std::vector<std::string> names(const Steps& steps) {
  std::vector<std::string> result;
  for (const auto& step : steps) result.push_back(step->name());
  return result;
}
using Names = std::vector<std::string>;

/// What follows the network: without what the inferer does itself.
Names names_after_network(const Bundle& bundle) {
  Names result = names(bundle.post);
  if (bundle.labelling) result.erase(result.begin());
  return result;
}

Bundle fused(const std::string& config) { return read_bundle(BundleFolder(config).path, false); }

constexpr const char* as_written = R"({"fuse": false})";

/// Air and a body with structure, -100 to 200; the affine is along the axes, turned, or with a shear.
HostVolume image_of(DType type, Random& random) {
  const Int3 size = {random.between(17, 40), random.between(17, 40), random.between(12, 30)};
  HostVolume image = make_host_volume(type, 1, {size, random.affine(random.one_in(2))});
  visit_dtype(type, [&](auto zero) {
    using T = decltype(zero);
    auto voxels = image.as<T>();
    std::size_t at = 0;
    for_each_voxel(size, [&](int x, int y, int z) {
      const bool body = x > 2 && y > 3 && z > 1 && x < size[0] - 3 && y < size[1] - 2;
      const int value = body ? (7 * x + 11 * y + 5 * z) % 190 + random.between(0, 9) : 0;
      voxels[at++] = static_cast<T>(value);
    });
  });
  return image;
}

PipelineResult run(const Pipeline& pipeline, HostVolume image, std::unique_ptr<Stream> stream) {
  Rig rig(std::move(stream), 0, true);
  return pipeline.run(images_of(std::move(image)), rig.context);
}

void check_same(const std::string& config) {
  Random random(610);
  CAPTURE(random.seed(), config);
  const auto network = std::make_shared<ScoresNetwork>(5, 0.0f, 1.0f);
  const auto written = Pipeline::load(BundleFolder(config, plain_metadata, as_written).path, -1, network);
  const auto fused_pipeline = Pipeline::load(BundleFolder(config).path, -1, network);
  for (const DType type : {DType::u8, DType::i16, DType::u16, DType::i32, DType::f32, DType::f64}) {
    CAPTURE(name_of(type));
    const HostVolume image = image_of(type, random);
    const auto copy = [&] {
      HostVolume same = make_host_volume(image.dtype, 1, image.geometry);
      std::ranges::copy(image.voxels.bytes(), same.voxels.bytes().begin());
      return same;
    };
    const PipelineResult wanted = run(*written, copy(), make_cpu_stream());
    int labels = 0;
    for (const std::uint8_t label : wanted.at("pred").as<std::uint8_t>()) labels |= 1 << label;
    CHECK(labels > 2);
    for (const StreamKind& kind : cpu_streams()) {
      CAPTURE(kind.name);
      const PipelineResult got = run(*fused_pipeline, copy(), kind.make());
      REQUIRE(got.at("pred").dtype == wanted.at("pred").dtype);
      REQUIRE(got.at("pred").geometry == wanted.at("pred").geometry);
      REQUIRE(std::ranges::equal(got.at("pred").voxels.bytes(), wanted.at("pred").voxels.bytes()));
    }
  }
}

}  // namespace

TEST_CASE("scaling, crop and area resize are one pass over the image as it came", "[fuse]") {
  const std::string config =
      chain({load_step, first_step, range_step, crop_step, area_step}, {invert_step, argmax_step});
  const Bundle bundle = fused(config);
  CHECK(names(bundle.pre) ==
        Names{"LoadImaged", "EnsureChannelFirstd", "ScaleIntensityRanged, CropForegroundd and Resized"});
  CHECK(names(bundle.post) == Names{"Invertd and AsDiscreted", "SaveImaged"});
  check_same(config);
}

TEST_CASE("scores are brought back as labels", "[fuse]") {
  const std::string config = chain({load_step, first_step, orient_step, spacing_step, range_step, typed_step},
                                   {softmax_step, invert_step, argmax_step}, windows);
  const Bundle bundle = fused(config);
  CHECK(names(bundle.post) == Names{"Activationsd", "Invertd and AsDiscreted", "SaveImaged"});
  check_same(config);
}

TEST_CASE("softmax before an argmax is left out, and the windows give labels", "[fuse]") {
  const std::string config = chain({load_step, typed_step, first_step, orient_step, spacing_step, range_step},
                                   {softmax_step, argmax_step, nearest_step}, windows);
  CHECK(names_after_network(fused(config)) == Names{"Invertd", "SaveImaged"});
  check_same(config);
}

TEST_CASE("an inverse of nothing is left out, and so is what stands between softmax and argmax then", "[fuse]") {
  const std::string config =
      chain({load_step, first_step, range_step}, {softmax_step, invert_step, argmax_step}, windows);
  CHECK(names_after_network(fused(config)) == Names{"SaveImaged"});
  check_same(config);
}

TEST_CASE("whatever else is asked for stays as it is written", "[fuse]") {
  const auto pre_stays = [](std::initializer_list<std::string> pre, const Names& wanted) {
    const Bundle bundle = fused(chain(pre, {argmax_step}));
    CHECK(names(bundle.pre) == wanted);
  };
  const std::string edge =
      R"({"_target_": "CropForegroundd", "keys": "image", "source_key": "image", "margin": 2, "mode": "edge"})";
  const std::string trilinear = R"({"_target_": "Resized", "keys": "image", "spatial_size": 16, "mode": "trilinear"})";
  const std::string smooth = R"({"_target_": "Resized", "keys": "image", "spatial_size": 16, "anti_aliasing": true})";
  const Names written = {"LoadImaged", "ScaleIntensityRanged", "CropForegroundd", "Resized"};
  pre_stays({load_step, range_step, edge, area_step}, written);
  pre_stays({load_step, range_step, crop_step, trilinear}, written);
  pre_stays({load_step, range_step, crop_step, smooth}, written);

  const auto post_stays = [](std::initializer_list<std::string> post, const Names& wanted) {
    CHECK(names_after_network(fused(chain({load_step, spacing_step}, post, windows))) == wanted);
  };
  const std::string one_hot = R"({"_target_": "AsDiscreted", "keys": "pred", "argmax": true, "to_onehot": 5})";
  const std::string sigmoid = R"({"_target_": "Activationsd", "keys": "pred", "sigmoid": true})";
  const std::string small = R"({"_target_": "AsDiscreted", "keys": "pred", "argmax": true, "dtype": "int8"})";
  const std::string copies = R"({"_target_": "CopyItemsd", "keys": "pred", "names": "scores"})";
  post_stays({invert_step, one_hot}, {"Invertd", "AsDiscreted", "SaveImaged"});
  post_stays({sigmoid, argmax_step}, {"Activationsd", "AsDiscreted", "SaveImaged"});
  post_stays({invert_step, small}, {"Invertd", "AsDiscreted", "SaveImaged"});
  post_stays({copies, argmax_step}, {"CopyItemsd", "AsDiscreted", "SaveImaged"});
  post_stays({argmax_step, invert_step}, {"Invertd", "SaveImaged"});
}

TEST_CASE("integers stay until somebody makes float32 of them, if nothing looks at them before", "[fuse]") {
  const auto leaves_integers = [](std::initializer_list<std::string> pre) {
    const Bundle bundle = fused(chain(pre, {argmax_step}));
    return dynamic_cast<const ToFloat32&>(*bundle.pre[0]).leaves_integers;
  };
  const std::string as_float = R"({"_target_": "EnsureTyped", "keys": "image", "dtype": "float32"})";
  CHECK(leaves_integers({load_step, spacing_step}));
  CHECK(leaves_integers({load_step, first_step, typed_step, orient_step, range_step}));
  CHECK_FALSE(leaves_integers({load_step}));
  CHECK_FALSE(leaves_integers({load_step, orient_step}));
  CHECK_FALSE(leaves_integers({load_step, as_float, spacing_step}));
  CHECK_FALSE(leaves_integers({load_step, normalize_step, spacing_step}));
  CHECK_FALSE(leaves_integers({load_step, crop_step, spacing_step}));
}

TEST_CASE("a bundle can ask for its chain as it is written", "[fuse]") {
  const BundleFolder folder(chain({load_step, range_step, crop_step, area_step}, {softmax_step, argmax_step}),
                            plain_metadata, as_written);
  const Bundle bundle = read_bundle(folder.path, false);
  CHECK(names(bundle.pre) == Names{"LoadImaged", "ScaleIntensityRanged", "CropForegroundd", "Resized"});
  CHECK(names_after_network(bundle) == Names{"Activationsd", "AsDiscreted", "SaveImaged"});
}

TEST_CASE("an image without foreground is refused by the fused crop in the same words", "[fuse]") {
  const std::string config = chain({load_step, range_step, crop_step, area_step}, {argmax_step});
  const auto network = std::make_shared<ScoresNetwork>(2, 0.0f, 1.0f);
  for (const char* serving : {"", as_written}) {
    const auto pipeline = Pipeline::load(BundleFolder(config, plain_metadata, serving).path, -1, network);
    const auto dark = [] { return volume_of<std::int16_t>({9, 8, 7}, [](int, int, int) { return -100; }); };
    CHECK(message_of([&] { run(*pipeline, dark(), make_cpu_stream()); }) ==
          "the image has no voxel > 0 after ScaleIntensityRanged: nothing to segment");
  }
}

}  // namespace fuse_test
