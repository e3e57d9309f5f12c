#include "gpu_transforms/intensity.h"
#include "gpu_transforms/labels.h"
#include "gpu_transforms/remap.h"
#include "tests/support/large_volume.h"

namespace large_values_test {

using namespace voxd;
using namespace voxd::test;

TEST_CASE("pointwise transforms reach voxels beyond 2^31", "[large]") {
  if (skipped_without_simt()) return;
  const ScaleIntensityRange range{.a_min = -57, .a_max = 164, .b_min = 0.0, .b_max = 1.0, .clip = true};
  check_corner(corner_of(DType::u8, 1), kSize, 5000, 5, to_float32);
  check_corner(corner_of(DType::i16, 1), kSize, 5000, 5, [&](const DeviceVolume& volume, Workspace& workspace) {
    return scale_intensity_range(volume, range, workspace);
  });
  check_corner(corner_of(DType::f32, 1), kSize, 3, 5, [](const DeviceVolume& volume, Workspace& workspace) {
    return normalize_intensity(volume, {.subtrahend = {3}, .divisor = {2}}, workspace);
  });
}

TEST_CASE("argmax reaches channels beyond 2^31", "[large]") {
  if (skipped_without_simt()) return;
  const Int3 size = {1000, 1000, kSize[2]};
  check_corner(corner_of(DType::f32, 4), size, 3, 3, argmax);
  check_corner(corner_of(DType::f32, 2), kSize, 3000, 3, argmax);
}

TEST_CASE("the contour of a mask is right beyond 2^31", "[large]") {
  if (skipped_without_simt()) return;
  check_corner(Random().labels(DType::u8, 1, kCorner, 1, 0.03), kLong, 3 * kLong[1], 5, label_to_contour);
  check_corner(Random().labels(DType::u8, 1, kCorner, 2, 0.03), kLong, 3 * kLong[1], 5, label_to_contour);
}

TEST_CASE("components are found beyond 2^31", "[large]") {
  if (skipped_without_simt()) return;
  // Two components with one run in a row, because runs are worked on like rows.
  HostVolume mask = make_host_volume(DType::u8, 1, {kCorner, identity_affine()});
  std::fill(mask.as<std::uint8_t>().begin(), mask.as<std::uint8_t>().end(), std::uint8_t{0});
  for (int x = 0; x < kCorner[0]; ++x)
    for (int y = 0; y < kCorner[1]; ++y)
      if (y != 5) std::fill_n(mask.as<std::uint8_t>().data() + row_of(kCorner, 0, x, y) * kCorner[2] + 100, 9 + y, 1);
  KeepLargestConnectedComponent params;
  params.applied_labels = {1};
  check_corner(mask, kLong, 5 * kLong[1], 8, [&](const DeviceVolume& volume, Workspace& workspace) {
    return keep_largest_connected_component(volume, params, workspace);
  });
}

TEST_CASE("a label map's boundary and the count of its components are right beyond 2^31", "[large]") {
  if (skipped_without_simt()) return;
  const HostVolume labels = Random().labels(DType::u8, 1, kCorner, 3, 0.03);
  check_corner(labels, kLong, 3 * kLong[1], 5, label_boundary);
  // A corner that begins with voxels of 0, as what lies around it in the large volume.
  HostVolume parts = make_host_volume(DType::u16, 1, {kCorner, identity_affine()});
  const auto voxels = parts.as<std::uint16_t>();
  std::fill(voxels.begin(), voxels.end(), std::uint16_t{0});
  for (int x = 1; x < kCorner[0]; ++x)
    for (int y = 1; y < kCorner[1]; y += 2)
      std::fill_n(voxels.data() + row_of(kCorner, 0, x, y) * kCorner[2] + 200, 5 + x, std::uint16_t(y == 1 ? 1 : 700));
  LastRowsJob job(5 * kLong[1]);
  const std::map<int, std::int64_t> counts = count_components(around(parts, kLong, job.workspace()), job.workspace());
  CHECK(counts == std::map<int, std::int64_t>{{1, 1}, {700, 3}});
}

TEST_CASE("labels of channels and replaced NaN reach voxels beyond 2^31", "[large]") {
  if (skipped_without_simt()) return;
  const Int3 size = {1000, 1000, kSize[2]};
  check_corner(corner_of(DType::f32, 4), size, 3, 3, [](const DeviceVolume& volume, Workspace& workspace) {
    return labels_of_channels(volume, {{3, 4}, {0, 2}}, 1, workspace);
  });
  HostVolume holed = corner_of(DType::f32, 1);
  for (std::size_t i = 0; i < holed.as<float>().size(); i += 3) holed.as<float>()[i] = NAN;
  check_corner(holed, kSize, 5000, 5,
               [](const DeviceVolume& volume, Workspace& workspace) { return replace_nan(volume, 7, workspace); });
}

TEST_CASE("types, ranges, activations and one-hots reach voxels beyond 2^31", "[large]") {
  if (skipped_without_simt()) return;
  check_corner(corner_of(DType::u8, 1), kSize, 3, 5,
               [](const DeviceVolume& volume, Workspace& workspace) { return cast_to(volume, DType::i16, workspace); });
  check_corner(corner_of(DType::i16, 1), kSize, 3, 5,
               [](const DeviceVolume& volume, Workspace& workspace) { return scale_intensity(volume, {}, workspace); });
  const Int3 size = {1000, 1000, kSize[2]};
  check_corner(corner_of(DType::f32, 4), size, 20, 3, [](const DeviceVolume& volume, Workspace& workspace) {
    return activations(volume, {.sigmoid = false, .softmax = true}, workspace);
  });
  check_corner(Random().labels(DType::u8, 1, kCorner, 2, 0.3), kSize, 3, 3,
               [](const DeviceVolume& volume, Workspace& workspace) {
                 AsDiscrete params;
                 params.to_onehot = 3;
                 return as_discrete(volume, params, workspace);
               });
}

TEST_CASE("holes are filled and small objects removed beyond 2^31", "[large]") {
  if (skipped_without_simt()) return;
  HostVolume wall = make_host_volume(DType::u8, 1, {kCorner, identity_affine()});
  const auto voxels = wall.as<std::uint8_t>();
  std::fill(voxels.begin(), voxels.end(), std::uint8_t{1});
  voxels[static_cast<std::size_t>(row_of(kCorner, 0, 2, 4) * kCorner[2] + 500)] = 0;
  voxels[static_cast<std::size_t>(row_of(kCorner, 0, 3, 5) * kCorner[2] + 600)] = 0;  // open
  check_corner(wall, kLong, 5 * kLong[1], 16, [](const DeviceVolume& volume, Workspace& workspace) {
    return fill_holes(volume, {.applied_labels = std::vector{1}, .connectivity = 1}, workspace);
  });
  HostVolume crumbs = Random().labels(DType::u8, 1, kCorner, 1, 0.9);
  std::fill_n(crumbs.as<std::uint8_t>().begin(), 5 * kCorner[2], std::uint8_t{0});
  RemoveSmallObjects params;
  params.min_size = 3;
  check_corner(crumbs, kLong, 3000, 3, [&](const DeviceVolume& volume, Workspace& workspace) {
    return remove_small_objects(volume, params, workspace);
  });
}

TEST_CASE("percentiles count values beyond 2^31", "[large]") {
  if (skipped_without_simt()) return;
  LastRowsJob job(3);
  DeviceVolume volume(DType::f32, 1, {kSize, identity_affine()}, job.workspace());
  // The first values in order are -20000, -19999, ...
  constexpr int kSeen = 3 * 4096;
  float* last = volume.mutable_data<float>() + volume.count() - kSeen;
  for (int i = 0; i < kSeen; ++i) last[i] = static_cast<float>((i * 7) % kSeen - 20000);
  const DeviceVolume result = scale_intensity_range_percentiles(
      volume, {.lower = 0, .upper = 100.0 * 100 / static_cast<double>(volume.count() - 1), .b_min = 0.0, .b_max = 1.0},
      job.workspace());
  job.finish();
  CHECK(result.data<float>()[volume.count() - 1] == Approx(((kSeen - 1) * 7 % kSeen) / 100.0));
}

}  // namespace large_values_test
