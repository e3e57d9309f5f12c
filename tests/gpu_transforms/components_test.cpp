#include <set>

#include "gpu_transforms/labels.h"
#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference.h"

namespace components_test {

using namespace voxd;
using namespace voxd::test;

namespace {

using Params = KeepLargestConnectedComponent;

Params keep(std::vector<int> labels, int connectivity = 3, int components = 1) {
  Params params;
  params.applied_labels = std::move(labels);
  params.connectivity = connectivity;
  params.num_components = components;
  return params;
}

/// Sets to 0, in channel `c` of `values`, what the mask has and its largest components have not.
void erase(Grid<float>& values, int c, const Grid<int>& mask, const Params& p) {
  const Grid<int> kept = largest(mask, p.connectivity, p.num_components);
  for_each_voxel(mask.size(), [&](int x, int y, int z) {
    if (mask.at(0, x, y, z) != kept.at(0, x, y, z)) values.at(c, x, y, z) = 0;
  });
}

Grid<int> mask_where(const Int3& size, const std::function<bool(int, int, int)>& set) {
  Grid<int> mask(1, size, 0);
  for_each_voxel(size, [&](int x, int y, int z) { mask.at(0, x, y, z) = set(x, y, z); });
  return mask;
}

std::vector<int> applied(const Grid<float>& values, int channels, const Params& p, bool onehot) {
  if (p.applied_labels) return *p.applied_labels;
  std::set<int> found;
  if (onehot) {
    for (int c = 1; c < channels; ++c) found.insert(c);
  } else {
    for_each_voxel(values.size(), [&](int x, int y, int z) { found.insert(static_cast<int>(values.at(0, x, y, z))); });
    found.erase(0);
  }
  return {found.begin(), found.end()};
}

/// MONAI's code, loop by loop.
std::vector<float> expected(const HostVolume& volume, const Params& p) {
  const std::vector<float> voxels = as_floats(volume);
  Grid<float> values(volume.channels, volume.geometry.size, 0);
  for (int c = 0; c < volume.channels; ++c)
    for_each_voxel(values.size(),
                   [&](int x, int y, int z) { values.at(c, x, y, z) = voxels[values.index(c, x, y, z)]; });
  const bool onehot = p.is_onehot.value_or(volume.channels > 1);
  const std::vector<int> labels = applied(values, volume.channels, p, onehot);
  if (p.independent) {
    for (const int label : labels) {
      const int c = onehot ? label : 0;
      erase(values, c,
            mask_where(values.size(),
                       [&](int x, int y, int z) {
                         return onehot ? values.at(c, x, y, z) > 0 : values.at(0, x, y, z) == static_cast<float>(label);
                       }),
            p);
    }
    return values.voxels();
  }
  const Grid<int> mask = mask_where(values.size(), [&](int x, int y, int z) {
    return std::any_of(labels.begin(), labels.end(), [&](int label) {
      return onehot ? values.at(label, x, y, z) == 1 : values.at(0, x, y, z) == static_cast<float>(label);
    });
  });
  for (const int label : onehot ? labels : std::vector<int>{0}) erase(values, label, mask, p);
  return values.voxels();
}

void check(const HostVolume& volume, const Params& params) {
  const std::vector<float> wanted = expected(volume, params);
  on_every_backend(
      volume, [&](const DeviceVolume& v, Workspace& w) { return keep_largest_connected_component(v, params, w); },
      [&](const HostVolume& result) {
        REQUIRE(result.dtype == volume.dtype);
        REQUIRE(as_floats(result) == wanted);
      });
}

HostVolume mask_of(const Int3& size, const std::vector<Int3>& voxels) {
  HostVolume volume = make_host_volume(DType::u8, 1, {size, identity_affine()});
  std::fill(volume.as<std::uint8_t>().begin(), volume.as<std::uint8_t>().end(), std::uint8_t{0});
  for (const auto& [x, y, z] : voxels)
    volume.as<std::uint8_t>()[static_cast<std::size_t>((x * size[1] + y) * size[2] + z)] = 1;
  return volume;
}

}  // namespace

TEST_CASE("what is kept is what a flood fill keeps, for every connectivity and number of components", "[components]") {
  Random random(70);
  CAPTURE(random.seed());
  for (int round = 0; round < 60; ++round) {
    const DType types[] = {DType::u8, DType::u16, DType::f32};
    const HostVolume volume = random.labels(types[round % 3], 1, random.size(14), 1, random.real(0.3, 0.98));
    const Params params = keep({1}, random.between(1, 3), random.one_in(3) ? random.between(2, 9) : 1);
    CAPTURE(round, to_string(volume.geometry.size), params.connectivity, params.num_components);
    check(volume, params);
  }
}

TEST_CASE("labels are cleaned one by one, together, or as channels, as MONAI does", "[components]") {
  Random random(71);
  CAPTURE(random.seed());
  for (int round = 0; round < 60; ++round) {
    const DType types[] = {DType::u8, DType::u16, DType::f32};
    const bool onehot = random.one_in(2);
    const HostVolume volume =
        random.labels(types[round % 3], onehot ? 4 : 1, random.size(12), onehot ? 1 : 3, random.real(0.3, 0.95));
    Params params;
    if (!random.one_in(3)) params.applied_labels = random.one_in(2) ? std::vector<int>{2} : std::vector<int>{3, 1, 3};
    params.independent = random.one_in(2);
    params.connectivity = random.between(1, 3);
    if (random.one_in(3)) params.is_onehot = onehot;
    CAPTURE(round, to_string(volume.geometry.size), onehot, params.independent, params.connectivity);
    check(volume, params);
  }
}

TEST_CASE("long rows are cut into runs correctly at the words of the mask", "[components]") {
  Random random(72);
  CAPTURE(random.seed());
  for (const int nz : {63, 64, 65, 127, 128, 129, 300})
    for (const double background : {0.05, 0.5, 0.95}) {
      CAPTURE(nz, background);
      check(random.labels(DType::u8, 1, {3, 4, nz}, 1, background), keep({1}));
    }
}

TEST_CASE("neighbours count by the sides, edges or corners that they share", "[components]") {
  const auto kept = [](const HostVolume& volume, int connectivity) {
    const HostVolume result = result_on_every_backend(volume, [&](const DeviceVolume& v, Workspace& w) {
      return keep_largest_connected_component(v, keep({1}, connectivity), w);
    });
    const auto voxels = result.as<std::uint8_t>();
    return static_cast<std::size_t>(std::count(voxels.begin(), voxels.end(), std::uint8_t{1}));
  };
  for (int dx = -1; dx <= 1; ++dx)
    for (int dy = -1; dy <= 1; ++dy)
      for (int dz = -1; dz <= 1; ++dz) {
        const int axes = std::abs(dx) + std::abs(dy) + std::abs(dz);
        if (axes == 0) continue;
        const HostVolume volume = mask_of({3, 3, 3}, {{1, 1, 1}, {1 + dx, 1 + dy, 1 + dz}});
        CAPTURE(dx, dy, dz);
        for (int connectivity = 1; connectivity <= 3; ++connectivity)
          REQUIRE(kept(volume, connectivity) == (axes <= connectivity ? 2 : 1));
      }
}

TEST_CASE("of equal components the first in raster order is kept", "[components]") {
  const HostVolume volume = mask_of({5, 5, 70}, {{0, 4, 69}, {0, 4, 68}, {2, 2, 2}, {2, 2, 3}, {4, 0, 0}, {4, 0, 1}});
  on_every_backend(
      volume, [](const DeviceVolume& v, Workspace& w) { return keep_largest_connected_component(v, keep({1}), w); },
      [](const HostVolume& result) {
        REQUIRE(as_floats(result) == as_floats(mask_of({5, 5, 70}, {{0, 4, 69}, {0, 4, 68}})));
      });
}

TEST_CASE("a full volume is one component and an empty one none", "[components]") {
  for (const DType dtype : {DType::u8, DType::f32})
    for (const double background : {0.0, 1.0})
      check(Random(73).labels(dtype, 1, {5, 6, 77}, 1, background), keep({1}, 1));
}

TEST_CASE("a label that does not occur, or that the type cannot hold, changes nothing", "[components]") {
  const HostVolume volume = Random(74).labels(DType::u8, 1, {6, 6, 6}, 2, 0.5);
  for (const int label : {7, 256, 70000, -1}) {
    CAPTURE(label);
    on_every_backend(
        volume,
        [&](const DeviceVolume& v, Workspace& w) { return keep_largest_connected_component(v, keep({label}), w); },
        [&](const HostVolume& result) { REQUIRE(as_floats(result) == as_floats(volume)); });
  }
}

TEST_CASE("channels may be counted from the end, and without labels those with a positive sum are cleaned",
          "[components]") {
  HostVolume volume = Random(81).labels(DType::f32, 3, {7, 8, 9}, 1, 0.9);
  // The channels of `cleaned` hold their largest component, the others what they held.
  const auto check_cleaned = [&](const Params& params, const std::set<int>& cleaned) {
    const HostVolume result = result_on_every_backend(
        volume, [&](const DeviceVolume& v, Workspace& w) { return keep_largest_connected_component(v, params, w); });
    const Grid<float> before(volume), after(result);
    for (int c = 0; c < 3; ++c) {
      const Grid<int> kept =
          largest(mask_where(before.size(), [&](int x, int y, int z) { return before.at(c, x, y, z) > 0; }), 3, 1);
      for_each_voxel(before.size(), [&](int x, int y, int z) {
        const bool erased = cleaned.contains(c) && before.at(c, x, y, z) > 0 && kept.at(0, x, y, z) == 0;
        REQUIRE(after.at(c, x, y, z) == (erased ? 0 : before.at(c, x, y, z)));
      });
    }
  };
  check_cleaned(keep({-1}), {2});
  check_cleaned({}, {1, 2});
  volume.as<float>()[2 * 504 + 3] = -1e6f;
  check_cleaned({}, {1});
}

TEST_CASE("the result is the same however the threads come by", "[components]") {
  const HostVolume volume =
      Random(75).labels(DType::u8, 1, {60, 60, 60}, 1, 0.88);  // near percolation: large ragged components
  std::vector<float> first;
  for (int round = 0; round < 5; ++round)
    on_every_backend(
        volume, [&](const DeviceVolume& v, Workspace& w) { return keep_largest_connected_component(v, keep({1}), w); },
        [&](const HostVolume& result) {
          if (first.empty()) first = as_floats(result);
          REQUIRE(as_floats(result) == first);
        });
}

TEST_CASE("wrong connectivities, numbers, channels, labels and types are refused by name", "[components]") {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  const auto run = [&](const HostVolume& host, const Params& params) {
    keep_largest_connected_component(upload(host, bench.workspace()), params, bench.workspace());
  };
  const HostVolume volume = Random(76).labels(DType::u8, 1, {4, 4, 4}, 1, 0.5),
                   onehot = Random(77).labels(DType::u8, 2, {4, 4, 4}, 1, 0.5);
  REQUIRE_THROWS_WITH(run(volume, keep({1}, 4)), Catch::Contains("connectivity: 4"));
  REQUIRE_THROWS_WITH(run(volume, keep({1}, 3, 0)), Catch::Contains("num_components: 0"));
  REQUIRE_THROWS_WITH(run(onehot, keep({2})), Catch::Contains("applied_labels: 2"));
  REQUIRE_THROWS_WITH(run(onehot, keep({-3})), Catch::Contains("applied_labels: -3"));
  REQUIRE_THROWS_WITH(run(Random(78).labels(DType::i64, 1, {4, 4, 4}, 1, 0.5), keep({1})), Catch::Contains("int64"));
  HostVolume soft = Random(79).labels(DType::f32, 1, {4, 4, 4}, 1, 0.5);
  soft.as<float>()[3] = 0.5f;
  REQUIRE_THROWS_WITH(run(soft, {}), Catch::Contains("whole number"));
  REQUIRE_THROWS_WITH(run(make_host_volume(DType::u8, 1, {{1, 1, 32768}, identity_affine()}), keep({1})),
                      Catch::Contains("32768 voxels along Z"));
}

TEST_CASE("components hold the output, two bits per voxel, 8 bytes per row and 12 per run", "[components]") {
  const HostVolume volume = Random(80).labels(DType::u8, 1, {30, 30, 64}, 1, 0.9);
  const std::int64_t runs = [&] {
    std::int64_t count = 0;
    const auto voxels = volume.as<std::uint8_t>();
    for (std::size_t i = 0; i < voxels.size(); ++i) count += voxels[i] != 0 && (i % 64 == 0 || voxels[i - 1] == 0);
    return count;
  }();
  const std::int64_t peak = peak_bytes_of(
      volume, [](const DeviceVolume& v, Workspace& w) { return keep_largest_connected_component(v, keep({1}), w); });
  REQUIRE(peak <= 30 * 30 * 64 + 30 * 30 * 64 / 4 + 8 * (30 * 30 + 1) + 12 * runs + 1024);
}

}  // namespace components_test
