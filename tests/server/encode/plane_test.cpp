#include "server/encode/plane.h"

#include <cmath>
#include <numeric>

#include "tests/support/catch.h"

namespace voxd::plane_test {
namespace {

TEST_CASE("voxel axes are named after the anatomical axes they run closest to", "[encode][plane]") {
  const Orientation las = closest_orientation({{{-2, 0, 0, 9}, {0, 2, 0, 9}, {0, 0, 2, 9}, {0, 0, 0, 1}}});
  CHECK(las.voxel_axis == std::array{0, 1, 2});
  CHECK(las.reversed == std::array{true, false, false});
  // A coronal acquisition, 20 degrees off, with slices three times as thick as pixels are wide.
  const double c = std::cos(0.35), s = std::sin(0.35);
  const Orientation coronal =
      closest_orientation({{{1, 0, 0, 0}, {0, -s, 3 * c, 0}, {0, -c, -3 * s, 0}, {0, 0, 0, 1}}});
  CHECK(coronal.voxel_axis == std::array{0, 2, 1});
  CHECK(coronal.reversed == std::array{false, false, true});
}

TEST_CASE("no two anatomical axes share a voxel axis, even at 45 degrees", "[encode][plane]") {
  const double h = std::sqrt(0.5);
  const Orientation turned = closest_orientation({{{h, -h, 0, 0}, {h, h, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}});
  std::array<int, 3> axes = turned.voxel_axis;
  std::sort(axes.begin(), axes.end());
  CHECK(axes == std::array{0, 1, 2});
}

TEST_CASE("a cut shows the + ends of its axes at the left and the top", "[encode][plane]") {
  HostVolume volume = make_host_volume(DType::u8, 1, {{2, 3, 4}, identity_affine()});
  std::iota(volume.as<std::uint8_t>().begin(), volume.as<std::uint8_t>().end(), std::uint8_t{0});
  const Orientation ras = closest_orientation(identity_affine());
  const Plane<float> axial = cut_plane<float>(volume, ras, {1, 1, 2}, 0, 1);
  CHECK(axial.across == 2);
  CHECK(axial.down == 3);
  CHECK(axial.values == std::vector<float>{22, 10, 18, 6, 14, 2});
  const Plane<float> sagittal = cut_plane<float>(volume, ras, {1, 1, 2}, 1, 2);
  CHECK(sagittal.values == std::vector<float>{23, 19, 15, 22, 18, 14, 21, 17, 13, 20, 16, 12});
}

TEST_CASE("a plane at its own size is unchanged, and twice as large is interpolated", "[encode][plane]") {
  const Plane<float> plane{2, 2, {0, 8, 16, 24}};
  CHECK(resample(plane, 2, 2) == plane.values);
  CHECK(resample(plane, 4, 2) == std::vector<float>{0, 2, 6, 8, 16, 18, 22, 24});
}

TEST_CASE("a plane made smaller keeps its mean brightness", "[encode][plane]") {
  Plane<float> stripes{100, 100, {}};
  for (int i = 0; i < 10000; ++i) stripes.values.push_back(i % 2 == 0 ? 0.f : 100.f);
  for (float pixel : resample(stripes, 10, 10)) CHECK(pixel == Approx(50).margin(6));
}

TEST_CASE("a pixel between labels takes the one with most weight", "[encode][plane]") {
  const Plane<std::uint16_t> plane{2, 1, {3, 9}};
  CHECK(resample_labels(plane, 4, 1) == std::vector<std::uint16_t>{3, 3, 9, 9});
  CHECK(resample_labels(plane, 3, 1) == std::vector<std::uint16_t>{3, 3, 9});
}

}  // namespace
}  // namespace voxd::plane_test
