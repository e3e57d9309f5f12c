#include "gpu_transforms/invert.h"

#include "gpu_transforms/spacing.h"
#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference_resample.h"

namespace invert_test {

using namespace voxd;
using namespace voxd::test;

namespace {

Resize to_size(const Int3& size, Interpolation mode) {
  return {.spatial_size = {size[0], size[1], size[2]}, .longest = false, .mode = mode, .align_corners = false};
}

}  // namespace

TEST_CASE("undoing an orientation restores every voxel and the exact affine", "[invert]") {
  Random random(100);
  CAPTURE(random.seed());
  for (const char* axcodes : {"RAS", "LPS", "SRA", "AIL", "PSL", "IPR"}) {
    const HostVolume volume = random.intensities(DType::f32, 2, random.size(40));
    CAPTURE(axcodes, axcodes_of(volume.geometry.affine));
    on_every_backend(
        volume,
        [&](const DeviceVolume& v, Workspace& w) {
          return invert(orientation(v, axcodes, w), {AppliedOrientation{v.geometry()}}, false, w);
        },
        [&](const HostVolume& result) {
          REQUIRE(result.geometry == volume.geometry);
          REQUIRE(differences(result, Grid<float>(volume).voxels()) == 0);
        });
  }
}

TEST_CASE("undoing a crop puts the box back and 0 around it", "[invert]") {
  const HostVolume volume = Random(101).intensities(DType::f32, 1, {6, 7, 8});
  const Box box = {{-2, 1, 3}, {4, 9, 6}};
  Grid<float> wanted(volume);
  for_each_voxel(wanted.size(), [&](int x, int y, int z) {
    if (x >= 4 || y < 1 || z < 3 || z >= 6) wanted.at(0, x, y, z) = 0;
  });
  on_every_backend(
      volume,
      [&](const DeviceVolume& v, Workspace& w) {
        return invert(crop(v, box, 9, w), {AppliedCrop{v.geometry(), box}}, false, w);
      },
      [&](const HostVolume& result) {
        REQUIRE(result.geometry == volume.geometry);
        REQUIRE(differences(result, wanted.voxels()) == 0);
      });
}

TEST_CASE("undoing a resize resizes back in the same mode, or to the nearest voxel if asked", "[invert]") {
  const HostVolume volume = Random(102).intensities(DType::f32, 1, {9, 10, 11}, false);
  const Int3 net = {6, 14, 11};
  const HostVolume small = Random(103).intensities(DType::f32, 1, net, false);
  for (const bool nearest : {false, true}) {
    const std::vector<float> wanted = [&] {
      if (!nearest) return pooled(Grid<float>(small), 1, {9, 10, 11}).voxels();
      std::vector<float> picked;
      for_each_voxel({9, 10, 11}, [&](int x, int y, int z) {
        picked.push_back(Grid<float>(small).at(0, x * 6 / 9, y * 14 / 10, z));
      });
      return picked;
    }();
    on_every_backend(
        small,
        [&](const DeviceVolume& v, Workspace& w) {
          return invert(v, {AppliedResize{volume.geometry, to_size(net, Interpolation::area)}}, nearest, w);
        },
        [&](const HostVolume& result) {
          REQUIRE(result.geometry == volume.geometry);
          REQUIRE(differences(result, wanted) == 0);
        });
  }
}

TEST_CASE("undoing a spacing samples back on the recorded grid, in the same mode or the nearest voxel if asked",
          "[invert]") {
  Random random(106);
  CAPTURE(random.seed());
  int undone = 0;
  for (int round = 0; round < 40; ++round) {
    const Geometry before{random.size(14), random.affine()};
    Spacing params;
    params.pixdim = {random.real(0.8, 3), random.real(0.8, 3), random.real(0.8, 3)};
    params.resampling = {random.one_in(3) ? GridMode::nearest : GridMode::bilinear, Outside(random.between(0, 2)),
                         random.one_in(2)};
    const Geometry after = spaced(before, params);
    HostVolume volume = random.intensities(DType::f32, 2, after.size, false);
    volume.geometry = after;
    if (same_grid(before, after)) continue;
    ++undone;
    for (const bool nearest : {false, true}) {
      CAPTURE(round, to_string(before.size), to_string(after.size), nearest);
      // Where the prediction says that it lies does not count.
      Affine elsewhere = after.affine;
      elsewhere[1][3] += 7;
      on_every_backend(
          volume,
          [&](const DeviceVolume& v, Workspace& w) {
            return invert(v.with_affine(elsewhere), {AppliedSpacing{before, after, params.resampling}}, nearest, w);
          },
          [&](const HostVolume& result) {
            REQUIRE(result.geometry == before);
            const Resampling how =
                nearest ? Resampling{GridMode::nearest, params.resampling.outside, false} : params.resampling;
            REQUIRE(wrong_samples(volume, result, how) == 0);
          });
    }
  }
  CHECK(undone > 30);
}

TEST_CASE("a whole chain ends on the grid it began with, and a mask lies where the foreground was", "[invert]") {
  Random random(104);
  CAPTURE(random.seed());
  for (int round = 0; round < 10; ++round) {
    HostVolume volume = random.intensities(DType::f32, 1, {20, 24, 18}, false);
    Grid<float> ball(1, volume.geometry.size, 0);
    for_each_voxel(ball.size(), [&](int x, int y, int z) {
      ball.at(0, x, y, z) = (x - 11) * (x - 11) + (y - 9) * (y - 9) + (z - 8) * (z - 8) < 30 ? 1 : 0;
    });
    std::copy(ball.voxels().begin(), ball.voxels().end(), volume.as<float>().begin());
    on_every_backend(
        volume,
        [&](const DeviceVolume& v, Workspace& w) {
          SpatialTrace trace = {AppliedOrientation{v.geometry()}};
          const DeviceVolume turned = orientation(v, "RAS", w);
          CropForeground margin;
          margin.margin = {3};
          const Box box = foreground_box(turned, margin, w);
          trace.push_back(AppliedCrop{turned.geometry(), box});
          const DeviceVolume cropped = crop(turned, box, 0, w);
          const Resize twice = to_size({2 * box.size()[0], 2 * box.size()[1], 2 * box.size()[2]}, Interpolation::area);
          trace.push_back(AppliedResize{cropped.geometry(), twice});
          return invert(resize(cropped, twice, w), trace, false, w);
        },
        [&](const HostVolume& result) {
          REQUIRE(result.geometry == volume.geometry);
          REQUIRE(differences(result, ball.voxels()) == 0);  // doubling and averaging is exact
        });
  }
}

TEST_CASE("a volume that the trace does not end on is refused with both sizes", "[invert]") {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  Workspace& w = bench.workspace();
  const HostVolume host = Random(105).intensities(DType::f32, 1, {5, 6, 7});
  const DeviceVolume volume = upload(host, w);
  const Geometry before = {{10, 10, 10}, identity_affine()};
  const auto undo = [&](AppliedTransform step) { invert(volume, {std::move(step)}, false, w); };
  REQUIRE_THROWS_WITH(undo(AppliedCrop{before, {{0, 0, 0}, {5, 6, 8}}}),
                      Catch::Contains("5x6x7") && Catch::Contains("5x6x8"));
  REQUIRE_THROWS_WITH(undo(AppliedResize{before, to_size({4, 4, 4}, Interpolation::area)}),
                      Catch::Contains("5x6x7") && Catch::Contains("4x4x4"));
  REQUIRE_THROWS_WITH(undo(AppliedSpacing{before, {{5, 6, 6}, identity_affine()}, {}}),
                      Catch::Contains("5x6x7") && Catch::Contains("5x6x6"));
  REQUIRE_THROWS_WITH(undo(AppliedOrientation{before}), Catch::Contains("orientation"));
  try {
    undo(AppliedOrientation{before});
  } catch (const Error& error) {
    REQUIRE(error.code() == Code::failed_precondition);
  }
}

}  // namespace invert_test
