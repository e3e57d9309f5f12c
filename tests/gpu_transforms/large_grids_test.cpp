#include "gpu_transforms/argmax_on_grid.h"
#include "gpu_transforms/fused.h"
#include "gpu_transforms/gaussian_smooth.h"
#include "gpu_transforms/spatial.h"
#include "gpu_transforms/windows.h"
#include "tests/support/large_volume.h"

namespace large_grids_test {

using namespace voxd;
using namespace voxd::test;

TEST_CASE("crops and moves of axes reach rows beyond 2^31", "[large]") {
  if (skipped_without_simt()) return;
  check_corner(corner_of(DType::u8, 1), kSize, 3, 3, [](const DeviceVolume& volume, Workspace& workspace) {
    const Int3& size = volume.size();
    return crop(volume, {{size[0] - 2, size[1] - 5, 0}, size}, 0, workspace);
  });
  check_corner(corner_of(DType::i16, 1), kSize, 3, 3, [](const DeviceVolume& volume, Workspace& workspace) {
    return crop(volume, {{0, 0, -1}, {volume.size()[0] + 1, volume.size()[1], volume.size()[2]}}, 7, workspace);
  });
  for (const char* axcodes : {"ARS", "ARI"})
    check_corner(
        Random().intensities(DType::u8, 1, {8, 8, kSize[2]}, false), kSize, 3, 3,
        [&](const DeviceVolume& volume, Workspace& workspace) { return orientation(volume, axcodes, workspace); });
}

TEST_CASE("padding reaches rows beyond 2^31", "[large]") {
  if (skipped_without_simt()) return;
  const std::vector<int> after_x = {0, 1, 0, 0, 0, 0}, after_y = {0, 0, 0, 1, 0, 0}, around_z = {0, 0, 0, 0, 3, 1};
  const auto check = [](const std::vector<int>& border, PadMode mode, int run_rows) {
    INFO(name_of(mode));
    check_corner(corner_of(DType::u8, 1), kSize, run_rows, 2, [&](const DeviceVolume& volume, Workspace& workspace) {
      return border_pad(volume, {border, {mode, 0}}, workspace);
    });
  };
  for (const PadMode mode : {PadMode::edge, PadMode::symmetric})
    for (const auto& border : {after_x, after_y, around_z}) check(border, mode, 3);
  check(around_z, PadMode::maximum, 3);
  check(after_y, PadMode::maximum, kCorner[1] + 1);  // 0, as beyond the corner, is no maximum
}

TEST_CASE("smoothing reads and writes rows beyond 2^31", "[large]") {
  if (skipped_without_simt()) return;
  check_corner(corner_of(DType::f32, 1), kSize, 5, 3, [](const DeviceVolume& volume, Workspace& workspace) {
    return gaussian_smooth(volume, {0.3, 0.3, 0.3}, workspace);
  });
}

TEST_CASE("scaling, cropping and resizing at once reads and writes rows beyond 2^31", "[large]") {
  if (skipped_without_simt()) return;
  LastRowsJob job(1);
  DeviceVolume volume(DType::u8, 1, {kSize, identity_affine()}, job.workspace());
  for (int x = kSize[0] - 12; x < kSize[0]; ++x)
    std::memset(volume.mutable_data<std::uint8_t>() + row_of(kSize, 0, x, kSize[1] - 12) * kSize[2], 5, 12 * kSize[2]);
  const Box box = {{0, 0, 1}, kSize};
  const DeviceVolume result = scale_crop_resize_area(volume, {.a_min = 0, .a_max = 10, .b_min = {}, .b_max = {}}, box,
                                                     0, {kSize[0] - 1, kSize[1] - 1, kSize[2] - 1}, job.workspace());
  job.finish();
  REQUIRE(result.count() > kBeyond);
  CHECK(result.data<float>()[result.count() - 1] == 0.5f);
  CHECK(result.data<float>()[result.count() - kSize[2] + 1] == 0.5f);
}

TEST_CASE("another axis becomes Z beyond 2^31", "[large]") {
  if (skipped_without_simt()) return;
  const Int3 size = {1600, 1344, 1024};  // whole tiles, so that the last one lies in the corner
  LastRowsJob large(1), small(0);
  const HostVolume corner = Random().intensities(DType::u8, 1, {32, 32, 32}, false);
  const DeviceVolume turned = orientation(around(corner, size, large.workspace()), "SAR", large.workspace());
  const DeviceVolume expected =
      orientation(upload(corner, small.workspace()).with_affine(identity_affine()), "SAR", small.workspace());
  large.finish();
  small.finish();
  REQUIRE(turned.size() == Int3{1024, 1344, 1600});
  for (int x = 0; x < 32; ++x)  // the last tile is of the last y
    REQUIRE(std::memcmp(turned.data<std::uint8_t>() + (row_of(turned.size(), 0, 992 + x, 1343) * 1600 + 1568),
                        expected.data<std::uint8_t>() + row_of(expected.size(), 0, x, 31) * 32, 32) == 0);
}

TEST_CASE("resizing reads and writes rows beyond 2^31", "[large]") {
  if (skipped_without_simt()) return;
  for (const Interpolation mode :
       {Interpolation::area, Interpolation::trilinear, Interpolation::nearest, Interpolation::nearest_exact}) {
    LastRowsJob job(2);
    DeviceVolume volume(DType::f32, 1, {kSize, identity_affine()}, job.workspace());
    float* last = volume.mutable_data<float>() + volume.count() - 2 * kSize[2];
    std::fill(last, last + 2 * kSize[2], 5.0f);
    std::fill(last - std::int64_t{kSize[1]} * kSize[2], last - std::int64_t{kSize[1] - 2} * kSize[2], 5.0f);
    const DeviceVolume result =
        resize(volume, {.spatial_size = {kSize[0], kSize[1] - 1, kSize[2]}, .mode = mode}, job.workspace());
    job.finish();
    REQUIRE(result.count() > kBeyond);
    INFO(name_of(mode));
    CHECK(result.data<float>()[result.count() - 1] == 5.0f);
    CHECK(result.data<float>()[result.count() - kSize[2]] == 5.0f);
  }
}

TEST_CASE("resampling and its argmax read and write rows beyond 2^31", "[large]") {
  if (skipped_without_simt()) return;
  const auto scaled_to = [](const Int3& size) {
    Geometry target{size, identity_affine()};
    for (std::size_t a = 0; a < 3; ++a) target.affine[a][a] = (kSize[a] - 1.0) / (size[a] - 1.0);
    return target;
  };
  Geometry sheared = scaled_to({kSize[0], kSize[1] - 1, kSize[2]});
  sheared.affine[0][2] = -2e-3;  // two voxels along a row
  struct Grid {
    const char* name;
    Geometry target;
  };
  for (const Grid& grid : {Grid{"z last", scaled_to({kSize[0], kSize[1] - 1, kSize[2]})},
                           Grid{"z first", scaled_to({2400, kSize[1], 800})}, Grid{"at an angle", sheared}}) {
    INFO(grid.name);
    LastRowsJob job(2);
    DeviceVolume volume(DType::f32, 2, {kSize, identity_affine()}, job.workspace());
    for (int channel = 0; channel < 2; ++channel)
      for (int x = kSize[0] - 4; x < kSize[0]; ++x)
        std::fill_n(volume.mutable_data<float>() + row_of(kSize, channel, x, kSize[1] - 4) * kSize[2], 4 * kSize[2],
                    5.0f + channel);
    for (const GridMode mode : {GridMode::bilinear, GridMode::nearest}) {
      const DeviceVolume result = resample(volume, grid.target, {.mode = mode}, job.workspace());
      job.finish();
      REQUIRE(result.count() > 2 * kBeyond);
      CHECK(result.data<float>()[result.count() - 1] == 6.0f);
      CHECK(result.data<float>()[result.count() - result.size()[2]] == 6.0f);
    }
    const DeviceVolume labels =
        argmax_on_grid(volume, {AppliedSpacing{grid.target, volume.geometry(), {}}}, false, job.workspace());
    job.finish();
    REQUIRE(labels.count() > kBeyond);
    CHECK(labels.data<std::uint8_t>()[labels.count() - 1] == 1);
    // Parts are compared pointwise, and what counts as rows then are single voxels.
    const std::int64_t run = grid.target == sheared ? 2 : labels.size()[2];
    CHECK(labels.data<std::uint8_t>()[labels.count() - run] == 1);
  }
}

TEST_CASE("the foreground beyond 2^31 is in the box", "[large]") {
  if (skipped_without_simt()) return;
  LastRowsJob job(2);
  DeviceVolume volume(DType::u8, 1, {kSize, identity_affine()}, job.workspace());
  volume.mutable_data<std::uint8_t>()[volume.count() - 1] = 1;
  const Box box = foreground_box(volume, {}, job.workspace());
  CHECK(box.end == kSize);
}

TEST_CASE("windows are gathered from and added to voxels beyond 2^31", "[large]") {
  if (skipped_without_simt()) return;
  LastRowsJob job(3);
  const auto with_last_row = [&](std::int32_t channels, const Int3& size, float value) {
    DeviceVolume volume(DType::f32, channels, {size, identity_affine()}, job.workspace());
    std::fill_n(volume.mutable_data<float>() + volume.count() - size[2], size[2], value);
    return volume;
  };
  SlidingWindows params;
  params.roi_size = {kSize[0] / 2, kSize[1] / 2, kSize[2] / 2};
  params.overlap = {0};
  const WindowGrid grid = window_grid(kSize, params);
  REQUIRE(grid.count() == 8);
  const DeviceVolume window = gather_windows(with_last_row(2, kSize, 5), grid, grid.count() - 1, 1, job.workspace());
  const DeviceVolume prediction = with_last_row(2, grid.roi(), 7);
  WindowAccumulator accumulator({kSize, identity_affine()}, grid, params, 2, grid.roi(), job.workspace());
  for (int i = 0; i < 8; ++i) accumulator.add(prediction, 1);
  const DeviceVolume sum = accumulator.finish();
  job.finish();
  REQUIRE(sum.count() > 2 * kBeyond);
  for (int z = 1; z <= grid.roi()[2]; ++z) {
    REQUIRE(window.data<float>()[window.count() - z] == 5);
    REQUIRE(sum.data<float>()[sum.count() - z] == 7);
  }
}

}  // namespace large_grids_test
