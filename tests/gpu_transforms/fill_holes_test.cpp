#include "gpu_transforms/labels.h"
#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference_labels.h"

namespace fill_holes_test {

using namespace voxd;
using namespace voxd::test;

namespace {

FillHoles fill(std::optional<std::vector<int>> labels, int connectivity = 3) {
  return {.applied_labels = std::move(labels), .connectivity = connectivity};
}

void check(const HostVolume& volume, const FillHoles& params, const std::vector<int>& labels) {
  const std::vector<float> wanted = filled(float_grid(volume), volume.channels, labels, params.connectivity).voxels();
  on_every_backend(
      volume, [&](const DeviceVolume& v, Workspace& w) { return fill_holes(v, params, w); },
      [&](const HostVolume& result) {
        REQUIRE(result.dtype == volume.dtype);
        REQUIRE(result.geometry == volume.geometry);
        REQUIRE(as_floats(result) == wanted);
      });
}

/// A box of 3 x 3 x 3 around a hole, with some of its voxels open.
HostVolume box_with(const std::vector<Int3>& openings) {
  HostVolume volume = make_host_volume(DType::u8, 1, {{5, 5, 70}, identity_affine()});
  const auto voxels = volume.as<std::uint8_t>();
  std::fill(voxels.begin(), voxels.end(), std::uint8_t{0});
  const auto at = [](int x, int y, int z) { return static_cast<std::size_t>((x * 5 + y) * 70 + 61 + z); };
  for_each_voxel({3, 3, 3}, [&](int x, int y, int z) { voxels[at(x + 1, y + 1, z + 1)] = 1; });
  voxels[at(2, 2, 2)] = 0;
  for (const auto& [x, y, z] : openings) voxels[at(x, y, z)] = 0;
  return volume;
}

bool is_filled(const HostVolume& volume, int connectivity) {
  const HostVolume result = result_on_every_backend(volume, [&](const DeviceVolume& v, Workspace& w) {
    return fill_holes(v, fill(std::vector{1}, connectivity), w);
  });
  return result.as<std::uint8_t>()[(2 * 5 + 2) * 70 + 63] == 1;
}

}  // namespace

TEST_CASE("holes are what cannot be reached from outside, for every connectivity and type", "[holes]") {
  Random random(340);
  CAPTURE(random.seed());
  const DType types[] = {DType::u8, DType::u16, DType::f32};
  for (int round = 0; round < 200; ++round) {
    const HostVolume volume =
        random.labels(types[round % 3], 1, random.size(12), random.between(1, 3), random.real(0.02, 0.6));
    const std::vector<int> labels = random.one_in(2) ? std::vector<int>{2} : std::vector<int>{3, 1, 9};
    const int connectivity = random.between(1, 3);
    CAPTURE(round, to_string(volume.geometry.size), connectivity);
    check(volume, fill(labels, connectivity), labels);
    check(volume, fill(std::nullopt, connectivity), {1, 2, 3});
  }
}

TEST_CASE("one-hot channels are filled each for itself, but for channel 0", "[holes]") {
  Random random(341);
  CAPTURE(random.seed());
  const DType types[] = {DType::u8, DType::u16, DType::f32};
  for (int round = 0; round < 90; ++round) {
    HostVolume volume = random.labels(types[round % 3], 3, random.size(9), 2, random.real(0.02, 0.3));
    if (volume.dtype == DType::f32)
      for (float& v : volume.as<float>()) v *= 0.5f;
    const int connectivity = random.between(1, 3);
    CAPTURE(round, to_string(volume.geometry.size), connectivity);
    check(volume, fill(std::vector{2, 0}, connectivity), {2});
    check(volume, fill(std::vector{-2}, connectivity), {1});
    check(volume, fill(std::nullopt, connectivity), {1, 2});
  }
}

TEST_CASE("a hole leaks through a side, an edge or a corner, as the connectivity says", "[holes]") {
  for (int connectivity = 1; connectivity <= 3; ++connectivity) {
    CAPTURE(connectivity);
    CHECK(is_filled(box_with({}), connectivity));
    CHECK_FALSE(is_filled(box_with({{1, 2, 2}}), connectivity));
    CHECK(is_filled(box_with({{2, 1, 1}}), connectivity) == (connectivity < 2));
    CHECK(is_filled(box_with({{3, 3, 3}}), connectivity) == (connectivity < 3));
  }
}

TEST_CASE("what lies in a hole, other labels too, takes the outer label", "[holes]") {
  HostVolume volume = make_host_volume(DType::f32, 1, {{7, 7, 7}, identity_affine()});
  for_each_voxel({7, 7, 7}, [&](int x, int y, int z) {
    const int depth = std::min({x, y, z, 6 - x, 6 - y, 6 - z});
    volume.as<float>()[static_cast<std::size_t>((x * 7 + y) * 7 + z)] = static_cast<float>(depth == 1 ? 5 : depth);
  });
  on_every_backend(
      volume, [](const DeviceVolume& v, Workspace& w) { return fill_holes(v, {}, w); },
      [](const HostVolume& result) {
        for_each_voxel({7, 7, 7}, [&](int x, int y, int z) {
          const bool inside = std::min({x, y, z, 6 - x, 6 - y, 6 - z}) > 0;
          REQUIRE(result.as<float>()[static_cast<std::size_t>((x * 7 + y) * 7 + z)] == (inside ? 5 : 0));
        });
      });
}

TEST_CASE("a label that the type cannot hold, or that does not occur, fills nothing", "[holes]") {
  const HostVolume volume = Random(342).labels(DType::u8, 1, {9, 9, 9}, 2, 0.3);
  for (const int label : {7, 300, 70000, -1}) check(volume, fill(std::vector{label}), {});
}

TEST_CASE("wrong connectivities, channels, labels and types of voxels are refused", "[holes]") {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  const auto run = [&](const HostVolume& host, const FillHoles& params) {
    fill_holes(upload(host, bench.workspace()), params, bench.workspace());
  };
  const HostVolume volume = Random(343).labels(DType::u8, 1, {4, 4, 4}, 1, 0.5),
                   onehot = Random(344).labels(DType::u8, 2, {4, 4, 4}, 1, 0.5);
  REQUIRE_THROWS_WITH(run(volume, fill(std::vector{1}, 4)), Catch::Contains("connectivity: 4"));
  REQUIRE_THROWS_WITH(run(onehot, fill(std::vector{2})), Catch::Contains("applied_labels: 2"));
  REQUIRE_THROWS_WITH(run(onehot, fill(std::vector{-3})), Catch::Contains("applied_labels: -3"));
  REQUIRE_THROWS_WITH(run(Random(345).labels(DType::i32, 1, {4, 4, 4}, 1, 0.5), {}), Catch::Contains("int32"));
  HostVolume soft = Random(346).labels(DType::f32, 1, {4, 4, 4}, 1, 0.5);
  soft.as<float>()[3] = 0.5f;
  REQUIRE_THROWS_WITH(run(soft, {}), Catch::Contains("FillHoles: without applied_labels"));
}

TEST_CASE("filling holes holds the output, a bit per voxel, 8 bytes per row and 12 per run of background", "[holes]") {
  const HostVolume volume = Random(347).labels(DType::u8, 1, {30, 30, 64}, 1, 0.1);
  std::int64_t runs = 0;
  const auto voxels = volume.as<std::uint8_t>();
  for (std::size_t i = 0; i < voxels.size(); ++i) runs += voxels[i] != 1 && (i % 64 == 0 || voxels[i - 1] == 1);
  const std::int64_t peak =
      peak_bytes_of(volume, [](const DeviceVolume& v, Workspace& w) { return fill_holes(v, fill(std::vector{1}), w); });
  REQUIRE(peak <= 30 * 30 * 64 + 30 * 30 * 8 + 8 * (30 * 30 + 1) + 12 * runs + 1024);
}

}  // namespace fill_holes_test
