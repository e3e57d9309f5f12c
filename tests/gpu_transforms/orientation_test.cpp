#include "gpu_transforms/spatial.h"
#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference.h"

namespace orientation_test {

using namespace voxd;
using namespace voxd::test;

namespace {

/// All 48 codes.
std::vector<std::string> all_axcodes() {
  const std::string pairs[] = {"LR", "PA", "IS"};
  std::vector<std::string> all;
  int order[] = {0, 1, 2};
  do {
    for (int flips = 0; flips < 8; ++flips) {
      std::string code;
      for (int a = 0; a < 3; ++a) code += pairs[order[a]][static_cast<std::size_t>(flips >> a & 1)];
      all.push_back(code);
    }
  } while (std::next_permutation(order, order + 3));
  return all;
}

/// Every voxel of `result` is the voxel of `volume` that lies at the same place in the patient.
template <class T>
std::size_t displaced(const HostVolume& volume, const HostVolume& result) {
  const Affine to_source = inverse(volume.geometry.affine) * result.geometry.affine;
  const Grid<T> source(volume), moved(result);
  std::size_t count = 0;
  for (int c = 0; c < volume.channels; ++c)
    for_each_voxel(result.geometry.size, [&](int x, int y, int z) {
      const Vec3 at = apply(to_source, {double(x), double(y), double(z)});
      const int i = static_cast<int>(std::lround(at[0])), j = static_cast<int>(std::lround(at[1])),
                k = static_cast<int>(std::lround(at[2]));
      count += !source.inside(i, j, k) || source.at(c, i, j, k) != moved.at(c, x, y, z);
    });
  return count;
}

}  // namespace

TEST_CASE("whatever the orientation asked for, every voxel stays where it is in the patient", "[orientation]") {
  Random random(30);
  CAPTURE(random.seed());
  for (const std::string& axcodes : all_axcodes()) {
    const DType dtype = random.one_in(2) ? DType::i16 : DType::f64;
    HostVolume volume = random.intensities(dtype, random.between(1, 2), random.size(70), false);
    CAPTURE(axcodes, to_string(volume.geometry.size), axcodes_of(volume.geometry.affine));
    on_every_backend(
        volume, [&](const DeviceVolume& v, Workspace& w) { return orientation(v, axcodes, w); },
        [&](const HostVolume& result) {
          REQUIRE(axcodes_of(result.geometry.affine) == axcodes);
          REQUIRE((dtype == DType::i16 ? displaced<std::int16_t>(volume, result) : displaced<double>(volume, result)) ==
                  0);
        });
  }
}

TEST_CASE("an orientation that a volume has already costs nothing", "[orientation]") {
  HostVolume volume = Random(31).intensities(DType::f32, 1, {4, 5, 6});
  volume.geometry.affine = identity_affine();
  REQUIRE(peak_bytes_of(volume, [](const DeviceVolume& v, Workspace& w) { return orientation(v, "RAS", w); }) == 0);
  REQUIRE(peak_bytes_of(volume, [](const DeviceVolume& v, Workspace& w) { return orientation(v, "SPL", w); }) ==
          4 * 5 * 6 * 4);
}

TEST_CASE("an oblique grid takes the code of the nearest axes, the strongest axis first", "[orientation]") {
  // The first voxel axis leans towards A more than towards R, but the second one is A without doubt.
  const Affine leaning = {{{0.6, 0.0, 0, 0}, {0.8, 1.0, 0, 0}, {0, 0, -2, 0}, {0, 0, 0, 1}}};
  REQUIRE(axcodes_of(leaning) == "RAI");
  const Affine turned = {{{0, 0.1, -1.5, 3}, {-0.8, 0.05, 0.1, 4}, {0.1, 2.0, 0.1, 5}, {0, 0, 0, 1}}};
  REQUIRE(axcodes_of(turned) == "PSL");
}

TEST_CASE("what is no orientation is refused by its text", "[orientation]") {
  for (const char* wrong : {"", "RA", "RASP", "RAX", "RLS", "ras", "RAA"}) {
    CAPTURE(wrong);
    REQUIRE_THROWS_WITH(check_axcodes(wrong), Catch::Contains("axcodes"));
  }
  for (const std::string& axcodes : all_axcodes()) REQUIRE_NOTHROW(check_axcodes(axcodes));
}

TEST_CASE("a grid without a third dimension has no orientation", "[orientation]") {
  Affine flat = identity_affine();
  flat[2] = {0, 0, 0, 0};
  REQUIRE_THROWS_AS(axcodes_of(flat), Error);
}

}  // namespace orientation_test
