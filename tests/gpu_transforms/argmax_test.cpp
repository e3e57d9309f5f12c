#include "gpu_transforms/labels.h"
#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference.h"

namespace argmax_test {

using namespace voxd;
using namespace voxd::test;

namespace {

template <class Label>
std::vector<Label> expected(const HostVolume& volume) {
  const Grid<float> in(volume);
  std::vector<Label> labels;
  for_each_voxel(volume.geometry.size, [&](int x, int y, int z) {
    int best = 0;
    for (int c = 1; c < volume.channels; ++c) {
      const float value = in.at(c, x, y, z), largest = in.at(best, x, y, z);
      if (!std::isnan(largest) && (std::isnan(value) || value > largest)) best = c;
    }
    labels.push_back(static_cast<Label>(best));
  });
  return labels;
}

}  // namespace

TEST_CASE("the largest channel wins, of equal ones the first, and the first NaN before all", "[argmax]") {
  Random random(60);
  CAPTURE(random.seed());
  for (const int channels : {1, 2, 3, 14, 256, 257, 300}) {
    HostVolume volume = random.intensities(DType::f32, channels, random.size(12));
    for (float& v : volume.as<float>())
      if (random.one_in(2)) v = static_cast<float>(random.between(-2, 2));
    CAPTURE(channels, to_string(volume.geometry.size));
    on_every_backend(volume, argmax, [&](const HostVolume& result) {
      REQUIRE(result.channels == 1);
      REQUIRE(result.geometry == volume.geometry);
      if (channels <= 256) {
        REQUIRE(differences(result, expected<std::uint8_t>(volume)) == 0);
      } else {
        REQUIRE(differences(result, expected<std::uint16_t>(volume)) == 0);
      }
    });
  }
}

TEST_CASE("argmax holds its output and nothing else", "[argmax]") {
  for (const int channels : {2, 5}) {
    const HostVolume volume = Random(61).intensities(DType::f32, channels, {7, 8, 9});
    REQUIRE(peak_bytes_of(volume, argmax) == 7 * 8 * 9);
  }
}

}  // namespace argmax_test
