#include "models/pipeline.h"

#include <iostream>

#include "tests/gpu_transforms/streams.h"
#include "tests/models/bundle_folder.h"
#include "tests/support/catch.h"

namespace pipeline_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

namespace {

const Affine lps{{{-1, 0, 0, 30}, {0, -1, 0, 40}, {0, 0, 2, -10}, {0, 0, 0, 1}}};

/// A bright ball in the dark, and one bright voxel far from it.
HostVolume ball(const Int3& size = {40, 36, 20}) {
  return volume_of<std::int16_t>(
      size,
      [&](int x, int y, int z) {
        const int dx = x - size[0] / 2, dy = y - size[1] / 2, dz = z - size[2] / 2;
        if (x == 1 && y == 1 && z == 1) return 90;
        return dx * dx + dy * dy + 4 * dz * dz <= 144 ? 90 : -10;
      },
      lps);
}

std::shared_ptr<const Pipeline> load(
    const BundleFolder& bundle, std::shared_ptr<const Network> network = std::make_shared<ThresholdNetwork>(0.5f)) {
  return Pipeline::load(bundle.path, -1, std::move(network));
}

std::string zoo_bundle(const std::string& name) { return std::string(VOXD_SOURCE_DIR) + "/models/zoo/" + name; }

bool equal(const HostVolume& a, const HostVolume& b) {
  return a.dtype == b.dtype && a.geometry == b.geometry &&
         std::equal(a.voxels.bytes().begin(), a.voxels.bytes().end(), b.voxels.bytes().begin(), b.voxels.bytes().end());
}

}  // namespace

TEST_CASE("a chain with an inverse ends on the image's grid, with labels where the network says", "[pipeline]") {
  const BundleFolder bundle;
  const auto pipeline = load(bundle);
  const auto images = images_of(ball());
  Rig rig;
  const PipelineResult result = pipeline->run(images, rig.context);
  const HostVolume& mask = result.at("pred");
  CHECK(mask.dtype == DType::u8);
  CHECK(mask.geometry == images[0].geometry);
  for (std::size_t i = 0; i < mask.as<std::uint8_t>().size(); ++i)
    REQUIRE(mask.as<std::uint8_t>()[i] == (images[0].as<std::int16_t>()[i] > 50));
  CHECK(result.at("contour").dtype == DType::u8);
  CHECK_THAT(message_of([&] { result.at("probabilities"); }),
             Contains("there is no output 'probabilities', only 'pred', 'contour'"));
}

TEST_CASE("a chain without an inverse keeps the grid that it ends on", "[pipeline]") {
  const BundleFolder bundle(
      chain_config(load_step + "," + crop_step, argmax_step + R"(,{"_target_": "SaveImaged", "keys": "pred"})"));
  Rig rig;
  const PipelineResult result = load(bundle)->run(images_of(ball()), rig.context);
  // The ball and the far voxel span these; the crop moves the first voxel's place.
  CHECK(result.at("pred").geometry.size == Int3{32, 30, 16});
  CHECK(result.at("pred").geometry.affine[0][3] == 29);
  CHECK(result.outputs.size() == 1);
}

TEST_CASE("a deferred stream gives the same bytes as one that runs at once, for every backend", "[pipeline]") {
  const BundleFolder bundle;
  const auto pipeline = load(bundle);
  const auto images = images_of(ball());
  Rig reference_rig;
  const PipelineResult reference = pipeline->run(images, reference_rig.context);
  for (const StreamKind& kind : cpu_streams()) {
    CAPTURE(kind.name);
    Rig rig(kind.make(), 0, true);
    const PipelineResult result = pipeline->run(images, rig.context);
    REQUIRE(result.outputs.size() == 2);
    CHECK(equal(result.at("pred"), reference.at("pred")));
    CHECK(equal(result.at("contour"), reference.at("contour")));
  }
}

TEST_CASE("the stages that a pipeline runs are timed, and it says how far it is", "[pipeline]") {
  const BundleFolder bundle;
  Rig rig;
  std::vector<std::pair<Stage, double>> reports;
  rig.context.progress = [&](Stage stage, double fraction) { reports.emplace_back(stage, fraction); };
  const PipelineResult result = load(bundle)->run(images_of(ball()), rig.context);
  for (Stage stage : {Stage::pre, Stage::network, Stage::post})
    CHECK(result.stage_ms[static_cast<std::size_t>(stage)] > 0);
  CHECK(result.stage_ms[static_cast<std::size_t>(Stage::decode)] == 0);
  CHECK(result.peak_bytes > 0);
  REQUIRE(reports.size() > 8);
  CHECK(reports.front() == std::pair{Stage::pre, 0.0});
  CHECK(reports.back() == std::pair{Stage::post, 1.0});
  CHECK(std::is_sorted(reports.begin(), reports.end()));
}

TEST_CASE("a job cancelled during one step does not start the next", "[pipeline]") {
  const BundleFolder bundle;
  auto network = std::make_shared<ThresholdNetwork>(0.5f);
  const auto pipeline = load(bundle, network);
  const auto images = images_of(ball());

  Rig early;
  early.context.progress = [&](Stage stage, double fraction) {
    if (stage == Stage::pre && fraction > 0) early.context.cancel.cancel();
  };
  CHECK(code_of([&] { pipeline->run(images, early.context); }) == "cancelled");
  CHECK(network->calls == 0);

  Rig late;
  std::vector<double> post;
  late.context.progress = [&](Stage stage, double fraction) {
    if (stage == Stage::post) post.push_back(fraction);
  };
  network->during_forward = [&] { late.context.cancel.cancel(); };
  CHECK(code_of([&] { pipeline->run(images, late.context); }) == "cancelled");
  CHECK(network->calls == 1);
  CHECK(post.empty());
  CHECK(late.workspace.bytes_in_use() == 0);
}

TEST_CASE("a job past its deadline ends with that, before the network is run", "[pipeline]") {
  const BundleFolder bundle;
  auto network = std::make_shared<ThresholdNetwork>(0.5f);
  const auto pipeline = load(bundle, network);
  Rig rig;
  rig.context.deadline = Clock::now() - std::chrono::seconds(1);
  CHECK(code_of([&] { pipeline->run(images_of(ball()), rig.context); }) == "deadline_exceeded");
  CHECK(network->calls == 0);
}

TEST_CASE("an image without foreground is refused in words, and the next one works", "[pipeline]") {
  const BundleFolder bundle;
  const auto pipeline = load(bundle);
  for (const StreamKind& kind : cpu_streams()) {
    CAPTURE(kind.name);
    Rig rig(kind.make());
    const auto dark = images_of(volume_of<float>({8, 8, 8}, [](int, int, int) { return -1; }));
    CHECK(message_of([&] { pipeline->run(dark, rig.context); }) ==
          "the image has no voxel > 0 after ScaleIntensityRanged: nothing to segment");
    CHECK(code_of([&] { pipeline->run(dark, rig.context); }) == "invalid_argument");
    CHECK_NOTHROW(pipeline->run(images_of(ball()), rig.context));
  }
}

TEST_CASE("images that the chain cannot take are refused by what is wrong with them", "[pipeline]") {
  const BundleFolder bundle;
  const auto pipeline = load(bundle);
  Rig rig;
  const auto run = [&](std::vector<HostVolume> images) {
    return message_of([&] { pipeline->run(images, rig.context); });
  };
  CHECK(run({}) == "image: none was given");
  std::vector<HostVolume> two = images_of(ball());
  two.push_back(ball());
  CHECK(run(std::move(two)) == "image: 2 channels, 'demo' takes 1");
  HostVolume flat;
  flat.geometry.size = {3, 0, 3};
  CHECK(run(images_of(std::move(flat))) == "image[0]: dim[1]: 0 voxels, at least 1");
}

TEST_CASE("several images become the channels of one, if they share a grid", "[pipeline]") {
  const std::string metadata = R"({"network_data_format": {"inputs": {"image": {"num_channels": 2}}}})";
  const BundleFolder bundle(chain_config(load_step, R"({"_target_": "SaveImaged", "keys": "pred"})"), metadata);
  // The fake network's channels are the threshold and the image's first channel.
  const auto pipeline = Pipeline::load(bundle.path, -1, std::make_shared<ThresholdNetwork>(0.5f));
  const auto second = [](double shift) {
    Affine moved = lps;
    moved[2][3] += shift;
    return volume_of<std::uint8_t>(
        {40, 36, 20}, [](int, int, int z) { return z; }, moved);
  };
  Rig rig;
  std::vector<HostVolume> images = images_of(ball());
  images.push_back(second(0));
  CHECK_NOTHROW(pipeline->run(images, rig.context));
  images[1] = second(1);
  CHECK_THAT(message_of([&] { pipeline->run(images, rig.context); }),
             Contains("image[1]: lies elsewhere than image[0]"));
  images[1] = volume_of<std::uint8_t>(
      {40, 36, 21}, [](int, int, int z) { return z; }, lps);
  CHECK(message_of([&] { pipeline->run(images, rig.context); }) ==
        "image[1]: 40x36x21 voxels, but image[0] has 40x36x20");
}

TEST_CASE("a job beyond its memory budget ends with that, and gives everything back", "[pipeline]") {
  const BundleFolder bundle;
  const auto pipeline = load(bundle);
  Rig rig(make_cpu_stream(), 100'000);
  CHECK(code_of([&] { pipeline->run(images_of(ball()), rig.context); }) == "resource_exhausted");
  CHECK(rig.workspace.bytes_in_use() == 0);
}

TEST_CASE("the memory that a chain states for an image is what it then needs, or up to a fifth more",
          "[pipeline][memory]") {
  struct Case {
    const char* bundle;
    Int3 size;
  };
  for (const Case& c : {Case{"brain_extraction", {181, 217, 181}}, Case{"brain_extraction", {64, 64, 64}},
                        Case{"spleen_seg", {256, 256, 100}}, Case{"spleen_seg", {64, 72, 80}}}) {
    CAPTURE(c.bundle, c.size[0]);
    const auto pipeline = Pipeline::load(zoo_bundle(c.bundle), -1, std::make_shared<ThresholdNetwork>(0.3f));
    // Foreground up to the borders: the crop's box is not known beforehand and counts as the whole image.
    const auto images = images_of(volume_of<std::int16_t>(
        c.size, [](int x, int y, int z) { return 1 + (x * 7 + y * 3 + z) % 160; }, lps));
    Rig rig;
    const PipelineResult result = pipeline->run(images, rig.context);
    const std::int64_t stated = pipeline->peak_bytes(DType::i16, 1, images[0].geometry);
    std::cout << c.bundle << ' ' << to_string(c.size) << ": stated " << stated << ", measured " << result.peak_bytes
              << '\n';
    CHECK(stated >= result.peak_bytes);
    CHECK(static_cast<double>(stated) <= 1.2 * static_cast<double>(result.peak_bytes));
  }
}

TEST_CASE("the memory of a chain with another spacing is stated from the image's own", "[pipeline][memory]") {
  const std::string orient = R"({"_target_": "Orientationd", "keys": "image", "axcodes": "SRA"})";
  const std::string space = R"({"_target_": "Spacingd", "keys": "image", "pixdim": [1.5, 2, 0.9]})";
  const std::string invert =
      R"({"_target_": "Invertd", "keys": "pred", "orig_keys": "image", "transform": "@preprocessing", "nearest_interp": false})";
  const std::string save = R"({"_target_": "SaveImaged", "keys": "pred"})";
  const Affine turned{{{-0.7, 0.05, 0, 30}, {0.04, -0.8, 0.1, 40}, {0, 0.03, 3, -10}, {0, 0, 0, 1}}};
  for (const Affine& affine : {lps, turned})
    for (const std::string& pre :
         {orient + "," + space, space + "," + crop_step + "," + orient, crop_step + "," + space}) {
      const BundleFolder bundle(chain_config(load_step + "," + pre, invert + "," + argmax_step + "," + save));
      CAPTURE(pre, affine[0][0]);
      const auto pipeline = load(bundle);
      // Foreground up to the borders.
      const auto images = images_of(volume_of<std::int16_t>(
          {128, 120, 96}, [](int x, int y, int z) { return 1 + (x * 7 + y * 3 + z) % 160; }, affine));
      Rig rig;
      const PipelineResult result = pipeline->run(images, rig.context);
      const std::int64_t stated = pipeline->peak_bytes(DType::i16, 1, images[0].geometry);
      CHECK(result.at("pred").geometry == images[0].geometry);
      CHECK(stated >= result.peak_bytes);
      // A ring of planes is counted whether it is needed or not.
      CHECK(static_cast<double>(stated) <= 1.2 * static_cast<double>(result.peak_bytes) + (8 << 20));
    }
}

TEST_CASE("an affine that cannot be inverted is refused before the image is run", "[pipeline][memory]") {
  const BundleFolder bundle(chain_config(load_step + R"(,{"_target_": "Spacingd", "keys": "image", "pixdim": 1})",
                                         argmax_step + R"(,{"_target_": "SaveImaged", "keys": "pred"})"));
  Affine flat = lps;
  flat[2][2] = 0;
  CHECK(code_of([&] { load(bundle)->peak_bytes(DType::i16, 1, {{20, 20, 20}, flat}); }) == "invalid_argument");
}

TEST_CASE("stating the memory of an absurd image is refused instead of overflowing", "[pipeline][memory]") {
  const BundleFolder bundle;
  const auto pipeline = load(bundle);
  CHECK(code_of([&] {
          pipeline->peak_bytes(DType::f64, 2'000'000'000, {2'000'000'000, 2'000'000'000, 2'000'000'000});
        }) == "invalid_argument");
}

TEST_CASE("voxels that nobody will look at again are given back before the chain ends", "[pipeline][memory]") {
  const std::string steps = scale_step + "," + scale_step + "," + scale_step + "," + scale_step;
  const BundleFolder bundle(
      chain_config(load_step + "," + steps, argmax_step + R"(,{"_target_": "SaveImaged", "keys": "pred"})"));
  Rig rig;
  const auto images = images_of(ball());
  const PipelineResult result = load(bundle)->run(images, rig.context);
  // Never more than the image as float32 and the network's two channels.
  CHECK(result.peak_bytes <= images[0].count() * 4 * 3 + 4096);
  CHECK(rig.workspace.bytes_in_use() == 0);
}

TEST_CASE("a network file that is absent, changed or broken keeps the pipeline from loading", "[pipeline]") {
  const BundleFolder missing;
  CHECK(message_of([&] { Pipeline::load(missing.path); }) == "demo/models/model.ts: there is no such file");
  const BundleFolder broken;
  write_file(broken.path / "models" / "model.ts", "not a network");
  CHECK_THAT(message_of([&] { Pipeline::load(broken.path); }),
             Contains("demo/models/model.ts: cannot be loaded as TorchScript: "));
  // The SHA-256 of "abc", a published test vector.
  const BundleFolder pinned(plain_chain(), plain_metadata,
                            R"({"sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"})");
  write_file(pinned.path / "models" / "model.ts", "abd");
  CHECK_THAT(
      message_of([&] { Pipeline::load(pinned.path); }),
      Contains(
          "its SHA-256 is a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9, serving.json says ba7816"));
  CHECK(code_of([&] { Pipeline::load(pinned.path); }) == "failed_precondition");
  write_file(pinned.path / "models" / "model.ts", "abc");
  CHECK_THAT(message_of([&] { Pipeline::load(pinned.path); }), Contains("cannot be loaded as TorchScript"));
}

TEST_CASE("a contour that the chain does not make is made of its label map, and components are counted", "[pipeline]") {
  const BundleFolder plain(chain_config(load_step, argmax_step + R"(,{"_target_": "SaveImaged", "keys": "pred"})"));
  const auto pipeline = load(plain, std::make_shared<ThresholdNetwork>(50.0f));
  const Extras extras{.contour = true, .components = true};
  for (const StreamKind& kind : cpu_streams()) {
    CAPTURE(kind.name);
    Rig rig(kind.make(), 0, true);
    const PipelineResult result = pipeline->run(images_of(ball()), rig.context, allocate_host, extras);
    REQUIRE(result.contour);
    const auto mask = result.at("pred").as<std::uint8_t>(), contour = result.contour->as<std::uint8_t>();
    CHECK(result.contour->geometry == result.at("pred").geometry);
    const auto count = [](auto voxels) { return std::count(voxels.begin(), voxels.end(), 1); };
    CHECK(count(contour) > 0);
    CHECK(count(contour) < count(mask));
    CHECK(contour[(20 * 36 + 18) * 20 + 10] == 0);  // the ball's middle
    CHECK(result.components == std::map<int, std::int64_t>{{1, 2}});
    CHECK(result.peak_bytes <= pipeline->peak_bytes(DType::i16, 1, ball().geometry, extras));
  }
  Rig rig;
  const PipelineResult without = pipeline->run(images_of(ball()), rig.context);
  CHECK_FALSE(without.contour);
  CHECK(without.components.empty());
}

TEST_CASE("a chain that makes a contour of its own keeps it", "[pipeline]") {
  const BundleFolder bundle;
  Rig rig;
  const PipelineResult result = load(bundle)->run(images_of(ball()), rig.context, allocate_host, {.contour = true});
  CHECK_FALSE(result.contour);
  CHECK(result.at("contour").dtype == DType::u8);
}

}  // namespace pipeline_test
