#include "gpu_transforms/resample.h"

#include "gpu_transforms/prepared_resampling.h"
#include "gpu_transforms/scratch.h"
#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference_resample.h"

namespace resample_test {

using namespace voxd;
using namespace voxd::test;

namespace {

/// A grid near the volume's own: other spacing, shifted; along its axes, with axes swapped, or at an angle.
Geometry some_target(Random& random, const Geometry& from, int kind) {
  Geometry to = from;
  to.size = random.size(14);
  Affine step = identity_affine();
  std::array<std::size_t, 3> axes = {0, 1, 2};
  if (kind == 1) std::swap(axes[static_cast<std::size_t>(random.between(0, 1))], axes[2]);
  for (std::size_t a = 0; a < 3; ++a) {
    step[a][a] = 0;
    const double ratio = random.one_in(4) ? 1 : from.size[axes[a]] / double(to.size[a]) * random.real(0.5, 1.4);
    step[axes[a]][a] = random.one_in(3) ? -ratio : ratio;
    step[axes[a]][3] = (step[axes[a]][a] < 0 ? from.size[axes[a]] - 1 : 0) + random.real(-1.5, 1.5);
    if (kind == 2)
      for (std::size_t b = 0; b < 3; ++b) step[b][a] += random.real(-0.2, 0.2);
  }
  to.affine = from.affine * step;
  return to;
}

Resampling some_way(Random& random) {
  return {random.one_in(3) ? GridMode::nearest : GridMode::bilinear, Outside(random.between(0, 2)), random.one_in(2)};
}

DType some_type(Random& random) {
  const DType types[] = {DType::f32, DType::f32, DType::i16, DType::u8, DType::u16, DType::i32, DType::f64};
  return types[random.between(0, 6)];
}

}  // namespace

TEST_CASE("sampling on another grid equals the plain loop: along the axes, with axes swapped, at an angle",
          "[resample]") {
  Random random(200);
  CAPTURE(random.seed());
  int compared = 0;
  for (int round = 0; round < 240; ++round) {
    const DType type = some_type(random);
    const HostVolume volume = random.intensities(type, random.between(1, 3), random.size(12), type == DType::f32);
    const Geometry target = some_target(random, volume.geometry, round % 3);
    const Resampling how = some_way(random);
    CAPTURE(round, name_of(type), to_string(volume.geometry.size), to_string(target.size), name_of(how.mode),
            name_of(how.outside), how.align_corners);
    if (same_grid(volume.geometry, target)) continue;
    ++compared;
    on_every_backend(
        volume, [&](const DeviceVolume& v, Workspace& w) { return resample(v, target, how, w); },
        [&](const HostVolume& result) {
          REQUIRE(result.dtype == DType::f32);
          REQUIRE(result.geometry == target);
          REQUIRE(wrong_samples(volume, result, how) == 0);
        });
  }
  CHECK(compared > 200);
}

TEST_CASE("sampling does not depend on the order of the axes that sizes choose", "[resample]") {
  Random random(201);
  CAPTURE(random.seed());
  for (const auto& [from, to] : {std::pair<Int3, Int3>{{9, 8, 70}, {30, 40, 20}},
                                 {{40, 41, 9}, {11, 12, 130}},
                                 {{3, 70, 12}, {50, 9, 12}},
                                 {{70, 3, 90}, {7, 60, 11}}}) {
    HostVolume volume = random.intensities(DType::f32, 2, from, false);
    Geometry target{to, volume.geometry.affine};
    for (std::size_t a = 0; a < 3; ++a)
      for (std::size_t row = 0; row < 3; ++row) target.affine[row][a] *= from[a] / double(to[a]);
    CAPTURE(to_string(from), to_string(to));
    on_every_backend(
        volume, [&](const DeviceVolume& v, Workspace& w) { return resample(v, target, {}, w); },
        [&](const HostVolume& result) { REQUIRE(wrong_samples(volume, result, {}) == 0); });
  }
}

TEST_CASE("a constant stays exactly that constant", "[resample]") {
  Random random(202);
  CAPTURE(random.seed());
  for (int round = 0; round < 60; ++round) {
    HostVolume volume = make_host_volume(DType::f32, 1, {random.size(12), random.affine()});
    const float value = round % 4 == 0 ? 3 : round % 4 == 1 ? 3e38f : static_cast<float>(random.real(-2000, 2000));
    for (float& v : volume.as<float>()) v = value;
    const Geometry target = some_target(random, volume.geometry, round % 3);
    CAPTURE(round, value);
    on_every_backend(
        volume, [&](const DeviceVolume& v, Workspace& w) { return resample(v, target, {}, w); },
        [&](const HostVolume& result) {
          for (const float v : result.as<float>()) REQUIRE(v == value);
        });
  }
}

TEST_CASE("a NaN goes to all it is a neighbour of, an infinity beyond its reach nowhere", "[resample]") {
  HostVolume volume = make_host_volume(DType::f32, 1, {{1, 1, 8}, identity_affine()});
  for (float& v : volume.as<float>()) v = 1;
  volume.as<float>()[5] = std::numeric_limits<float>::quiet_NaN();
  volume.as<float>()[7] = std::numeric_limits<float>::infinity();
  Geometry target{{1, 1, 15}, identity_affine()};
  target.affine[2][2] = 0.5;
  on_every_backend(
      volume, [&](const DeviceVolume& v, Workspace& w) { return resample(v, target, {}, w); },
      [](const HostVolume& result) {
        const auto values = result.as<float>();
        // At whole positions the neighbour above counts 0 times, and 0 times NaN is NaN, as in torch.
        for (std::size_t z = 0; z < 15; ++z) REQUIRE(std::isnan(values[z]) == ((z >= 8 && z <= 11) || z == 12));
        REQUIRE(std::isinf(values[13]));
        REQUIRE(std::isinf(values[14]));
      });
}

TEST_CASE("offsets of 64 bits find the same voxels as those of 32", "[resample]") {
  Random random(203);
  CAPTURE(random.seed());
  for (int round = 0; round < 20; ++round) {
    const HostVolume volume = random.intensities(DType::f32, 2, random.size(12), false);
    const Geometry target = some_target(random, volume.geometry, 2);
    on_every_backend(
        volume,
        [&](const DeviceVolume& v, Workspace& w) {
          auto prepared = prepare_resampling(v, target, {}, w);
          prepared->wide_offsets = true;
          return sample(*prepared, target.affine, false, w);
        },
        [&](const HostVolume& result) { REQUIRE(wrong_samples(volume, result, {}) == 0); });
  }
}

TEST_CASE("planes made one part at a time are those of the whole, to the last bit", "[resample]") {
  Random random(204);
  CAPTURE(random.seed());
  int compared = 0;
  for (int round = 0; round < 40; ++round) {
    const HostVolume volume = random.intensities(DType::f32, 2, random.size(14), false);
    const Geometry target = some_target(random, volume.geometry, round % 3);
    const Resampling how = some_way(random);
    const std::int32_t begin = random.between(0, target.size[0] - 1), end = random.between(begin + 1, target.size[0]);
    Bench bench("serial", make_cpu_stream(Backend::serial));
    Workspace& w = bench.workspace();
    const DeviceVolume device = upload(volume, w);
    if (same_grid(volume.geometry, target)) continue;
    ++compared;
    const auto prepared = prepare_resampling(device, target, how, w);
    const HostVolume whole = download(sample(*prepared, target.affine, false, w), w),
                     part = download(sample(planes_of(*prepared, begin, end), target.affine, false, w), w);
    const Grid<float> all(whole), some(part);
    for (int c = 0; c < 2; ++c)
      for_each_voxel(some.size(),
                     [&](int x, int y, int z) { REQUIRE(same(some.at(c, x, y, z), all.at(c, x + begin, y, z))); });
  }
  CHECK(compared > 30);
}

TEST_CASE("resampling holds its output and the scratch memory that is stated", "[resample][memory]") {
  Random random(205);
  CAPTURE(random.seed());
  int measured = 0;
  for (int round = 0; round < 60; ++round) {
    const DType type = some_type(random);
    const HostVolume volume = random.intensities(type, random.between(1, 3), random.size(30), false);
    const Geometry target = some_target(random, volume.geometry, round % 3);
    const Resampling how = some_way(random);
    CAPTURE(round, name_of(type), to_string(volume.geometry.size), to_string(target.size));
    if (same_grid(volume.geometry, target)) continue;
    ++measured;
    const std::int64_t peak =
        peak_bytes_of(volume, [&](const DeviceVolume& v, Workspace& w) { return resample(v, target, how, w); });
    REQUIRE(peak <= 4 * volume.channels * target.voxels() +
                        resample_scratch_bytes(type, volume.channels, volume.geometry, target));
  }
  CHECK(measured > 50);
}

TEST_CASE("grids that are the same to 1e-3 are not resampled, and a float32 volume not copied", "[resample]") {
  const HostVolume volume = Random(206).intensities(DType::f32, 1, {8, 9, 10});
  Geometry near = volume.geometry;
  near.affine[0][3] += 5e-4;
  REQUIRE(same_grid(volume.geometry, near));
  REQUIRE(peak_bytes_of(volume, [&](const DeviceVolume& v, Workspace& w) { return resample(v, near, {}, w); }) == 0);
  Geometry longer = near, far = near;
  longer.size[2] += 1;
  for (std::size_t row = 0; row < 3; ++row) far.affine[row][1] *= 1.002;
  REQUIRE_FALSE(same_grid(volume.geometry, longer));
  REQUIRE_FALSE(same_grid(volume.geometry, far));
}

TEST_CASE("nothing cannot be resampled, nor to nothing, nor from a flat affine", "[resample]") {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  Workspace& w = bench.workspace();
  const HostVolume none = make_host_volume(DType::f32, 1, {{0, 4, 4}, identity_affine()}),
                   some = make_host_volume(DType::f32, 1, {{3, 4, 5}, identity_affine()});
  const Geometry target{{4, 4, 4}, identity_affine()};
  REQUIRE_THROWS_WITH(resample(upload(none, w), target, {}, w), Catch::Contains("0x4x4"));
  REQUIRE_THROWS_WITH(resample(upload(some, w), {{4, 0, 4}, identity_affine()}, {}, w), Catch::Contains("4x0x4"));
  Affine flat = identity_affine();
  flat[2][2] = 0;
  REQUIRE_THROWS_WITH(resample(upload(some, w).with_affine(flat), target, {}, w), Catch::Contains("inverted"));
}

TEST_CASE("ways of resampling go by MONAI's names", "[resample]") {
  for (const GridMode mode : {GridMode::bilinear, GridMode::nearest})
    REQUIRE(grid_mode_of(std::string(name_of(mode))) == mode);
  for (const Outside outside : {Outside::border, Outside::zeros, Outside::reflection})
    REQUIRE(outside_of(std::string(name_of(outside))) == outside);
  REQUIRE_THROWS_WITH(grid_mode_of("bicubic"), Catch::Contains("bicubic"));
  REQUIRE_THROWS_WITH(outside_of("wrap"), Catch::Contains("wrap"));
}

}  // namespace resample_test
