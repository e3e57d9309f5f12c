#include "gpu_transforms/labels.h"
#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference.h"

namespace contour_test {

using namespace voxd;
using namespace voxd::test;

namespace {

/// 26 * x minus the sum of the 26 neighbours, clamped to 0..1; computed in double. In two dimensions those with the
/// same z.
std::vector<float> expected(const HostVolume& volume, int dimensions) {
  const std::vector<float> voxels = as_floats(volume);
  Grid<double> in(volume.channels, volume.geometry.size, 0);
  std::vector<float> out;
  for (int c = 0; c < volume.channels; ++c) {
    for_each_voxel(in.size(), [&](int x, int y, int z) { in.at(c, x, y, z) = voxels[in.index(c, x, y, z)]; });
    for_each_voxel(in.size(), [&](int x, int y, int z) {
      double edge = (dimensions == 2 ? 8 : 26) * in.at(c, x, y, z);
      for (int dx = -1; dx <= 1; ++dx)
        for (int dy = -1; dy <= 1; ++dy)
          for (int dz = -1; dz <= 1; ++dz)
            if (connected(dx, dy, dz, 3) && (dimensions == 3 || dz == 0))
              edge -= in.at_or(c, x + dx, y + dy, z + dz, 0);
      out.push_back(static_cast<float>(edge < 0 ? 0 : edge > 1 ? 1 : edge));
    });
  }
  return out;
}

void check(const HostVolume& volume, float tolerance = 0, int dimensions = 3) {
  const std::vector<float> wanted = expected(volume, dimensions);
  on_every_backend(volume, dimensions == 2 ? label_to_contour_2d : label_to_contour, [&](const HostVolume& result) {
    REQUIRE(result.dtype == volume.dtype);
    REQUIRE(result.geometry == volume.geometry);
    const std::vector<float> got = as_floats(result);
    float worst = 0;
    for (std::size_t i = 0; i < got.size(); ++i)
      worst = same(got[i], wanted[i]) ? worst : std::max(worst, std::abs(got[i] - wanted[i]));
    REQUIRE(worst <= tolerance);
  });
}

}  // namespace

TEST_CASE("the contour of a mask is the mask without its erosion", "[contour]") {
  Random random(90);
  CAPTURE(random.seed());
  for (int round = 0; round < 30; ++round) {
    const DType types[] = {DType::u8, DType::u16, DType::f32};
    const HostVolume volume =
        random.labels(types[round % 3], random.between(1, 3), random.size(12), 1, random.one_in(2) ? 0.02 : 0.4);
    CAPTURE(round, to_string(volume.geometry.size));
    check(volume);
  }
}

TEST_CASE("several labels follow the formula, not the label", "[contour]") {
  Random random(91);
  CAPTURE(random.seed());
  for (int round = 0; round < 30; ++round) {
    const DType types[] = {DType::u8, DType::u16, DType::f32};
    const HostVolume volume =
        random.labels(types[round % 3], random.between(1, 2), random.size(12), round % 2 == 0 ? 3 : 255, 0.3);
    CAPTURE(round, to_string(volume.geometry.size));
    check(volume);
  }
}

TEST_CASE("one voxel that is neither 0 nor 1 makes the whole volume follow the formula", "[contour]") {
  HostVolume volume = Random(92).labels(DType::u8, 1, {6, 7, 80}, 1, 0.1);
  volume.as<std::uint8_t>()[volume.as<std::uint8_t>().size() - 1] = 2;
  check(volume);
}

TEST_CASE("soft masks follow the formula", "[contour]") {
  Random random(93);
  CAPTURE(random.seed());
  for (int round = 0; round < 10; ++round) {
    HostVolume volume = random.labels(DType::f32, 1, random.size(12), 1, 0.5);
    for (float& v : volume.as<float>()) v = static_cast<float>(random.real(0, 1));
    check(volume, 1e-5f);
  }
}

TEST_CASE("the contour of a full volume is its shell", "[contour]") {
  const HostVolume volume = Random(94).labels(DType::u8, 1, {5, 5, 5}, 1, 0);
  on_every_backend(volume, label_to_contour, [](const HostVolume& result) {
    const std::vector<float> voxels = as_floats(result);
    REQUIRE(std::count(voxels.begin(), voxels.end(), 1.0f) == 98);
  });
}

TEST_CASE("images in two dimensions have neighbours in their plane only", "[contour]") {
  Random random(97);
  CAPTURE(random.seed());
  const DType types[] = {DType::u8, DType::u16, DType::f32};
  for (int round = 0; round < 90; ++round) {
    const Int3 size{random.between(1, 20), random.one_in(3) ? random.between(60, 140) : random.between(1, 20), 1};
    const HostVolume volume = random.labels(types[round % 3], random.between(1, 3), size, round % 2 == 0 ? 1 : 200,
                                            random.one_in(2) ? 0.03 : 0.4);
    CAPTURE(round, to_string(size));
    check(volume, 0, 2);
  }
}

TEST_CASE("a volume is no image in two dimensions", "[contour]") {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  const HostVolume volume = Random(98).labels(DType::u8, 1, {3, 3, 2}, 1, 0.5);
  REQUIRE_THROWS_WITH(label_to_contour_2d(upload(volume, bench.workspace()), bench.workspace()),
                      Catch::Contains("2 voxels along Z"));
}

TEST_CASE("types without a contour in MONAI are refused by name", "[contour]") {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  const HostVolume volume = Random(95).labels(DType::i64, 1, {3, 3, 3}, 1, 0.5);
  REQUIRE_THROWS_WITH(label_to_contour(upload(volume, bench.workspace()), bench.workspace()), Catch::Contains("int64"));
}

TEST_CASE("a contour holds its output and a bit per voxel", "[contour]") {
  const HostVolume volume = Random(96).labels(DType::u8, 1, {9, 10, 128}, 1, 0.5);
  REQUIRE(peak_bytes_of(volume, label_to_contour) <= 9 * 10 * 128 + 9 * 10 * 128 / 8 + 4);
}

}  // namespace contour_test
