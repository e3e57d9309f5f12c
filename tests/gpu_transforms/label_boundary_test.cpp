#include <map>
#include <set>
#include <vector>

#include "gpu_transforms/labels.h"
#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference.h"

namespace label_boundary_test {

using namespace voxd;
using namespace voxd::test;

namespace {

int label_at(const HostVolume& volume, int c, int x, int y, int z) {
  const Int3& n = volume.geometry.size;
  if (x < 0 || y < 0 || z < 0 || x >= n[0] || y >= n[1] || z >= n[2]) return -1;
  const std::size_t at =
      ((std::size_t(c) * std::size_t(n[0]) + std::size_t(x)) * std::size_t(n[1]) + std::size_t(y)) * std::size_t(n[2]) +
      std::size_t(z);
  return volume.dtype == DType::u8 ? volume.as<std::uint8_t>()[at] : volume.as<std::uint16_t>()[at];
}

template <class F>
void for_each_neighbour(int x, int y, int z, F f) {
  for (int dx = -1; dx <= 1; ++dx)
    for (int dy = -1; dy <= 1; ++dy)
      for (int dz = -1; dz <= 1; ++dz)
        if (dx != 0 || dy != 0 || dz != 0) f(x + dx, y + dy, z + dz);
}

/// By flooding.
std::map<int, std::int64_t> expected_components(const HostVolume& volume) {
  std::map<int, std::int64_t> counts;
  std::set<std::vector<int>> seen;
  for_each_voxel(volume.geometry.size, [&](int x, int y, int z) {
    const int label = label_at(volume, 0, x, y, z);
    if (label == 0 || !seen.insert({x, y, z}).second) return;
    ++counts[label];
    std::vector<std::vector<int>> open = {{x, y, z}};
    while (!open.empty()) {
      const std::vector<int> at = open.back();
      open.pop_back();
      for_each_neighbour(at[0], at[1], at[2], [&](int i, int j, int k) {
        if (label_at(volume, 0, i, j, k) == label && seen.insert({i, j, k}).second) open.push_back({i, j, k});
      });
    }
  });
  return counts;
}

}  // namespace

TEST_CASE("a voxel keeps its label where a neighbour has another one, or the volume ends", "[label_boundary]") {
  Random random(510);
  CAPTURE(random.seed());
  for (int round = 0; round < 60; ++round) {
    const DType type = random.one_in(2) ? DType::u8 : DType::u16;
    const HostVolume volume =
        random.labels(type, random.between(1, 2), random.size(40), random.between(1, 4), random.real(0, 0.5));
    CAPTURE(round, name_of(type), to_string(volume.geometry.size));
    const HostVolume result = result_on_every_backend(volume, label_boundary);
    REQUIRE(result.dtype == type);
    REQUIRE(peak_bytes_of(volume, label_boundary) <= static_cast<std::int64_t>(volume.voxels.size()));
    for (int c = 0; c < volume.channels; ++c)
      for_each_voxel(volume.geometry.size, [&](int x, int y, int z) {
        const int label = label_at(volume, c, x, y, z);
        bool boundary = false;
        for_each_neighbour(x, y, z, [&](int i, int j, int k) { boundary |= label_at(volume, c, i, j, k) != label; });
        REQUIRE(label_at(result, c, x, y, z) == (boundary ? label : 0));
      });
  }
}

TEST_CASE("components are counted label by label", "[components]") {
  Random random(511);
  CAPTURE(random.seed());
  for (int round = 0; round < 40; ++round) {
    const DType type = random.one_in(2) ? DType::u8 : DType::u16;
    const HostVolume volume = random.labels(type, 1, random.size(14), random.between(1, 5), random.real(0.3, 0.95));
    CAPTURE(round, name_of(type), to_string(volume.geometry.size));
    const std::map<int, std::int64_t> wanted = expected_components(volume);
    on_every_backend(
        [&](Bench& bench) { CHECK(count_components(upload(volume, bench.workspace()), bench.workspace()) == wanted); });
  }
}

TEST_CASE("boundaries and components of what is no label map are refused", "[label_boundary]") {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  Workspace& w = bench.workspace();
  const DeviceVolume scores = upload(Random(512).intensities(DType::f32, 1, {3, 4, 5}), w);
  CHECK_THROWS_WITH(label_boundary(scores, w), Catch::Contains("voxels of float32, must be uint8 or uint16"));
  CHECK_THROWS_WITH(count_components(scores, w), Catch::Contains("voxels of float32"));
  const DeviceVolume two = upload(Random(513).labels(DType::u8, 2, {3, 4, 5}, 1, 0.5), w);
  CHECK_THROWS_WITH(count_components(two, w), Catch::Contains("2 channels, must be 1"));
}

}  // namespace label_boundary_test
