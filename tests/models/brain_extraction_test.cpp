#include <fstream>
#include <iostream>
#include <iterator>

#include "models/network.h"
#include "models/pipeline.h"
#include "server/decode/image.h"
#include "tests/models/fixtures.h"
#include "tests/support/catch.h"

namespace brain_extraction_test {

using namespace voxd;
using namespace voxd::test;

namespace {

HostVolume read_image(const std::string& name) {
  std::ifstream in(std::string(VOXD_DEPS_DIR) + "/data/" + name, std::ios::binary);
  REQUIRE(in);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  return decode_image(std::as_bytes(std::span(bytes)), "nifti", allocate_host, {}).volume;
}

double dice(std::span<const std::uint8_t> mask, const HostVolume& reference) {
  std::int64_t both = 0, either = 0;
  visit_dtype(reference.dtype, [&](auto zero) {
    const auto truth = reference.as<decltype(zero)>();
    REQUIRE(truth.size() == mask.size());
    for (std::size_t i = 0; i < mask.size(); ++i) {
      both += mask[i] == 1 && truth[i] > zero;
      either += (mask[i] == 1) + (truth[i] > zero);
    }
  });
  return 2.0 * static_cast<double>(both) / static_cast<double>(either);
}

}  // namespace

TEST_CASE("the trained network finds the brain of a real head", "[brain]") {
  configure_torch(VOXD_TORCH_THREADS);
  const auto pipeline = Pipeline::load(std::string(VOXD_SOURCE_DIR) + "/models/zoo/brain_extraction");
  const auto images = images_of(read_image("ch2.nii.gz"));
  Rig rig;
  const PipelineResult result = pipeline->run(images, rig.context);

  const HostVolume& mask = result.at("pred");
  REQUIRE(mask.dtype == DType::u8);
  REQUIRE(mask.geometry == images[0].geometry);
  const double overlap = dice(mask.as<std::uint8_t>(), read_image("ch2bet.nii.gz"));
  const auto voxels = mask.as<std::uint8_t>();
  const double ml =
      static_cast<double>(std::count(voxels.begin(), voxels.end(), 1)) * voxel_volume_mm3(mask.geometry.affine) / 1000;
  std::cout << "brain_extraction: Dice " << overlap << ", " << ml << " ml, pre " << result.stage_ms[2]
            << " ms, network " << result.stage_ms[3] << " ms, post " << result.stage_ms[4] << " ms\n";
  CHECK(overlap >= 0.93);
  CHECK(ml == Approx(1968).epsilon(0.005));
  CHECK(pipeline->description().labels.at(1) == "brain");
}

}  // namespace brain_extraction_test
