#include <algorithm>

#include "models/bundle.h"
#include "tests/models/bundle_folder.h"
#include "tests/models/scores_network.h"
#include "tests/models/zoo.h"
#include "tests/support/catch.h"
#include "tests/support/random_volume.h"

namespace zoo_chain_test {

using namespace voxd;
using namespace voxd::test;

namespace {

struct Chain {
  std::string name;
  std::int32_t channels = 1;  ///< of the image
};

/// Bundles whose chains run, with a network of another make.
const std::vector<Chain> chains = {
    {"brats_mri_segmentation", 4},      {"multi_organ_segmentation"},
    {"pancreas_ct_dints_segmentation"}, {"pediatric_abdominal_ct_segmentation"},
    {"prostate_mri_anatomy"},           {"renalStructures_UNEST_segmentation"},
    {"spleen_ct_segmentation"},         {"swin_unetr_btcv_segmentation"},
    {"wholeBody_ct_segmentation"},      {"wholeBrainSeg_Large_UNEST_segmentation"},
};

/// A copy of the bundle's configs with a serving.json.
struct Copy {
  Copy(const std::string& name, const std::string& serving) : path(folder.path() / name) {
    std::filesystem::create_directories(path);
    std::filesystem::copy(zoo() / name / "configs", path / "configs", std::filesystem::copy_options::recursive);
    write_file(path / "configs" / "serving.json", serving);
  }
  TemporaryFolder folder;
  std::filesystem::path path;
};

/// A head or a body to these chains: int16, voxels longer along Z, turned a little.
std::vector<HostVolume> images_for(const Chain& chain) {
  const Int3 size = {70, 64, 30};
  const Affine tilted{{{-1.2, 0.02, 0, 40}, {0.02, -1.2, 0.1, 38}, {0, 0.05, 2.5, -20}, {0, 0, 0, 1}}};
  std::vector<HostVolume> images;
  for (std::int32_t c = 0; c < chain.channels; ++c)
    images.push_back(volume_of<std::int16_t>(
        size,
        [c](int x, int y, int z) {
          const int dx = x - 35, dy = y - 30, dz = 2 * (z - 15);
          const int away = dx * dx + dy * dy + dz * dz;
          return away > 28 * 28 ? 0 : 240 - away / 3 + (13 * x + 7 * y + 5 * z + 50 * c) % 17;
        },
        tilted));
  return images;
}

struct Answer {
  HostVolume labels;
  std::int64_t stated = 0, measured = 0;
};

Answer answer_of(const Chain& chain, const std::string& serving) {
  const Copy copy(chain.name, serving);
  const auto network = std::make_shared<ScoresNetwork>(chain.channels == 4 ? 3 : 6, -1.0f, 1.5f);
  const auto pipeline = Pipeline::load(copy.path, -1, network);
  const std::vector<HostVolume> images = images_for(chain);
  Rig rig;
  PipelineResult result = pipeline->run(images, rig.context);
  REQUIRE(result.outputs.size() == 1);
  return {std::move(result.outputs[0].volume),
          pipeline->peak_bytes(images[0].dtype, chain.channels, images[0].geometry), result.peak_bytes};
}

}  // namespace

TEST_CASE("the chains of the zoo give the same voxels fused and as they are written, in the memory that they state",
          "[zoo][fuse][memory]") {
  if (zoo_is_absent("the chains of the zoo give the same voxels fused and as they are written")) return;
  for (const Chain& chain : chains) {
    CAPTURE(chain.name);
    const Answer fused = answer_of(chain, "{}"), written = answer_of(chain, R"({"fuse": false})");
    CHECK(fused.labels.geometry == written.labels.geometry);
    CHECK(fused.labels.dtype == written.labels.dtype);
    CHECK(std::ranges::equal(fused.labels.voxels.bytes(), written.labels.voxels.bytes()));
    CHECK(fused.labels.geometry == images_for(chain)[0].geometry);
    for (const Answer* answer : {&fused, &written}) {
      CAPTURE(answer->stated, answer->measured);
      CHECK(answer->stated >= answer->measured);
      CHECK(static_cast<double>(answer->stated) <= 1.2 * static_cast<double>(answer->measured));
    }
    CHECK(fused.measured <= written.measured);
  }
}

}  // namespace zoo_chain_test
