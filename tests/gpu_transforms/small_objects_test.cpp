#include <cmath>
#include <limits>

#include "gpu_transforms/labels.h"
#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference_labels.h"

namespace small_objects_test {

using namespace voxd;
using namespace voxd::test;

namespace {

RemoveSmallObjects smaller_than(double min_size, int connectivity = 1, bool independent = true) {
  RemoveSmallObjects params;
  params.min_size = min_size;
  params.connectivity = connectivity;
  params.independent_channels = independent;
  return params;
}

void check(const HostVolume& volume, const RemoveSmallObjects& params, const std::vector<float>& wanted) {
  on_every_backend(
      volume, [&](const DeviceVolume& v, Workspace& w) { return remove_small_objects(v, params, w); },
      [&](const HostVolume& result) {
        REQUIRE(result.dtype == volume.dtype);
        REQUIRE(result.channels == volume.channels);
        REQUIRE(result.geometry == volume.geometry);
        const std::vector<float> got = as_floats(result);
        for (std::size_t i = 0; i < wanted.size(); ++i) REQUIRE(same(got[i], wanted[i]));
      });
}

/// Objects of 1, 2, 3 and 4 voxels along z.
HostVolume four_sizes(const Affine& affine = identity_affine()) {
  HostVolume volume = make_host_volume(DType::u8, 1, {{1, 1, 14}, affine});
  const std::uint8_t voxels[] = {1, 0, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1, 0};
  std::copy(std::begin(voxels), std::end(voxels), volume.as<std::uint8_t>().begin());
  return volume;
}

int voxels_kept(const HostVolume& volume, const RemoveSmallObjects& params) {
  const HostVolume result = result_on_every_backend(
      volume, [&](const DeviceVolume& v, Workspace& w) { return remove_small_objects(v, params, w); });
  const auto voxels = result.as<std::uint8_t>();
  return static_cast<int>(std::count(voxels.begin(), voxels.end(), std::uint8_t{1}));
}

std::vector<float> result_of(std::vector<float> values, const RemoveSmallObjects& params) {
  HostVolume volume = make_host_volume(DType::f32, 1, {{1, 1, static_cast<int>(values.size())}, identity_affine()});
  std::copy(values.begin(), values.end(), volume.as<float>().begin());
  return as_floats(result_on_every_backend(
      volume, [&](const DeviceVolume& v, Workspace& w) { return remove_small_objects(v, params, w); }));
}

}  // namespace

TEST_CASE("binary objects are components over space and channels, for every connectivity", "[objects]") {
  Random random(350);
  CAPTURE(random.seed());
  const DType types[] = {DType::u8, DType::u16, DType::f32};
  for (int round = 0; round < 240; ++round) {
    const int channels = random.one_in(2) ? 1 : random.between(2, 4), connectivity = random.between(1, 4);
    const HostVolume volume = random.labels(types[round % 3], channels, random.size(9), 1, random.real(0.5, 0.98));
    const int min_size = random.between(0, 12);
    const bool independent = random.one_in(2);
    CAPTURE(round, channels, to_string(volume.geometry.size), connectivity, min_size, independent);
    check(volume, smaller_than(min_size, connectivity, independent),
          without_small(float_grid(volume), channels, min_size, connectivity, independent));
  }
}

TEST_CASE("labels are counted by value, or cleaned as one mask that keeps its values", "[objects]") {
  Random random(351);
  CAPTURE(random.seed());
  const DType types[] = {DType::u8, DType::u16, DType::f32};
  for (int round = 0; round < 150; ++round) {
    const int channels = random.between(1, 2), connectivity = random.between(1, 4);
    HostVolume volume = random.labels(types[round % 3], channels, random.size(10), random.between(2, 40), 0.8);
    if (volume.dtype == DType::f32 && random.one_in(2))
      for (float& v : volume.as<float>()) v += static_cast<float>(random.real(0, 0.9));
    const int min_size = random.between(0, 30);
    const bool independent = random.one_in(2);
    CAPTURE(round, channels, to_string(volume.geometry.size), connectivity, min_size, independent);
    check(volume, smaller_than(min_size, connectivity, independent),
          without_small(float_grid(volume), channels, min_size, connectivity, independent));
  }
}

TEST_CASE("neighbours of four axes count by the number of axes along which they differ", "[objects]") {
  for (int step = 0; step < 81; ++step) {
    if (step == 40) continue;
    const int d[] = {step / 27 - 1, step / 9 % 3 - 1, step / 3 % 3 - 1, step % 3 - 1};
    HostVolume volume = make_host_volume(DType::u8, 3, {{3, 3, 3}, identity_affine()});
    const auto voxels = volume.as<std::uint8_t>();
    std::fill(voxels.begin(), voxels.end(), std::uint8_t{0});
    voxels[40] = 1;
    voxels[static_cast<std::size_t>(40 + ((d[0] * 3 + d[1]) * 3 + d[2]) * 3 + d[3])] = 1;
    const int axes = std::abs(d[0]) + std::abs(d[1]) + std::abs(d[2]) + std::abs(d[3]);
    CAPTURE(step, axes);
    for (int connectivity = 1; connectivity <= 4; ++connectivity)
      REQUIRE(voxels_kept(volume, smaller_than(2, connectivity)) == (axes <= connectivity ? 2 : 0));
  }
}

TEST_CASE("an object of exactly min_size stays", "[objects]") {
  CHECK(voxels_kept(four_sizes(), smaller_than(3)) == 7);
  CHECK(voxels_kept(four_sizes(), smaller_than(3.5)) == 4);
  CHECK(voxels_kept(four_sizes(), smaller_than(0)) == 10);
  CHECK(voxels_kept(four_sizes(), smaller_than(-5)) == 10);
  CHECK(voxels_kept(four_sizes(), smaller_than(1e300)) == 0);
}

TEST_CASE("a size in mm^3 is rounded up to voxels of the volume's spacing, or of the one given", "[objects]") {
  Affine affine = identity_affine();
  affine[0][0] = -2;
  affine[2][2] = 1.5;
  RemoveSmallObjects params = smaller_than(7);  // 2.33 voxels of 3 mm^3
  params.by_measure = true;
  CHECK(voxels_kept(four_sizes(affine), params) == 7);
  params.pixdim = std::vector<double>{1, 1, 2};
  CHECK(voxels_kept(four_sizes(affine), params) == 4);
  params.pixdim = std::vector<double>{0.5};
  CHECK(voxels_kept(four_sizes(affine), params) == 0);
  params.pixdim = std::vector<double>{0, 1, 1};  // no volume: counts as 1
  CHECK(voxels_kept(four_sizes(affine), params) == 0);
}

TEST_CASE("a volume of one value stays as it is", "[objects]") {
  CHECK(result_of({0.5f, 0.5f, 0.5f}, smaller_than(9)) == std::vector<float>{0.5f, 0.5f, 0.5f});
  CHECK(result_of({-3, -3}, smaller_than(9, 1, false)) == std::vector<float>{-3, -3});
}

TEST_CASE("what is binary becomes 0 or 1, and what is not keeps value times mask", "[objects]") {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  CHECK(result_of({0, 0.5f, -1, 0.9f, 0, 1}, smaller_than(2)) == std::vector<float>{0, 1, 1, 1, 0, 0});
  const std::vector<float> kept = result_of({0, 2, 3, kNan, 5, -1, INFINITY, -INFINITY}, smaller_than(2, 1, false));
  CHECK((kept[1] == 2 && kept[2] == 3 && kept[4] == 0 && kept[5] == 0));
  CHECK((std::isnan(kept[3]) && std::isnan(kept[6]) && std::isnan(kept[7])));
}

TEST_CASE("values that are no labels, and wrong parameters, are refused", "[objects]") {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  const auto run = [&](const HostVolume& host, const RemoveSmallObjects& params) {
    remove_small_objects(upload(host, bench.workspace()), params, bench.workspace());
  };
  HostVolume labels = Random(352).labels(DType::f32, 1, {4, 5, 6}, 3, 0.5);
  for (const float value : {-1.0f, NAN, 65536.0f, INFINITY}) {
    labels.as<float>()[50] = value;
    REQUIRE_THROWS_WITH(run(labels, smaller_than(2)), Catch::Contains("0..65535"));
  }
  REQUIRE_THROWS_WITH(run(four_sizes(), smaller_than(2, 0)), Catch::Contains("connectivity: 0"));
  REQUIRE_THROWS_WITH(run(four_sizes(), smaller_than(2, 5)), Catch::Contains("connectivity: 5"));
  REQUIRE_THROWS_WITH(run(four_sizes(), smaller_than(NAN)), Catch::Contains("min_size"));
  RemoveSmallObjects measured = smaller_than(2);
  measured.by_measure = true;
  measured.pixdim = std::vector<double>{1, 2};
  REQUIRE_THROWS_WITH(run(four_sizes(), measured), Catch::Contains("pixdim: 2 values"));
  REQUIRE_THROWS_WITH(run(Random(353).labels(DType::i16, 1, {4, 4, 4}, 1, 0.5), {}), Catch::Contains("int16"));
  REQUIRE_THROWS_WITH(run(make_host_volume(DType::u8, 1, {{0, 3, 3}, identity_affine()}), {}),
                      Catch::Contains("empty"));
}

TEST_CASE("removing objects holds the output, a bit per voxel, 8 bytes per row and 12 per run", "[objects]") {
  const HostVolume volume = Random(354).labels(DType::u8, 2, {30, 30, 64}, 1, 0.9);
  std::int64_t runs = 0;
  const auto voxels = volume.as<std::uint8_t>();
  for (std::size_t i = 0; i < voxels.size(); ++i) runs += voxels[i] != 0 && (i % 64 == 0 || voxels[i - 1] == 0);
  const std::int64_t peak = peak_bytes_of(
      volume, [](const DeviceVolume& v, Workspace& w) { return remove_small_objects(v, smaller_than(3), w); });
  REQUIRE(peak <= 2 * 900 * (64 + 8 + 8) + 12 * runs + 1024);
}

}  // namespace small_objects_test
