#include <sys/mman.h>

#include <cstring>

#include "gpu_transforms/argmax_on_grid.h"
#include "gpu_transforms/fused.h"
#include "gpu_transforms/gaussian_smooth.h"
#include "gpu_transforms/intensity.h"
#include "gpu_transforms/labels.h"
#include "gpu_transforms/simt.h"
#include "gpu_transforms/spatial.h"
#include "gpu_transforms/windows.h"
#include "tests/support/random_volume.h"

// Volumes of more than 2^31 voxels, of which the pages alone that a few last rows touch exist: the kernels run these
// rows only, so every offset that they form lies where 32 bits would have wrapped around. The same rows of a small
// volume, the large one's far corner, say what must come out.
using namespace voxd;
using namespace voxd::test;

namespace {

constexpr Int3 kSize = {1700, 1300, 1000};
constexpr Int3 kLong = {300000, 8, 1000};   // few rows in a plane
constexpr Int3 kCorner = {4, 8, kSize[2]};  // of the last rows
constexpr std::int64_t kBeyond = std::int64_t{1} << 31;

void* map_pages(std::size_t bytes, void*) {
  void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) return nullptr;
  madvise(pages, bytes, MADV_NOHUGEPAGE);
  return pages;
}

void unmap_pages(void* pages, std::size_t bytes, void*) { munmap(pages, bytes); }

/// A job whose verbs run their last `rows` rows only.
class Job {
 public:
  explicit Job(std::int64_t rows)
      : stream_(make_simt_stream({.lanes = 2, .last_rows = rows})),
        pool_({.allocate = map_pages, .release = unmap_pages}, {}),
        workspace_(*stream_, pool_) {}

  Workspace& workspace() { return workspace_; }
  void finish() { stream_->synchronize(); }

 private:
  std::unique_ptr<Stream> stream_;
  MemoryPool pool_;
  Workspace workspace_;
};

std::int64_t row_of(const Int3& size, int channel, int x, int y) {
  return (std::int64_t{channel} * size[0] + x) * size[1] + y;
}

/// A large volume of zeros with the small one in its far corner.
DeviceVolume around(const HostVolume& corner, const Int3& size, Workspace& workspace) {
  DeviceVolume large(corner.dtype, corner.channels, {size, identity_affine()}, workspace);
  REQUIRE(large.count() > kBeyond);
  const Int3& small = corner.geometry.size;
  const std::size_t row_bytes = static_cast<std::size_t>(small[2]) * size_of(corner.dtype);
  for (int c = 0; c < corner.channels; ++c)
    for (int x = 0; x < small[0]; ++x)
      for (int y = 0; y < small[1]; ++y) {
        const std::int64_t to = row_of(size, c, size[0] - small[0] + x, size[1] - small[1] + y);
        std::memcpy(large.memory().get() +
                        (to * size[2] + size[2] - small[2]) * static_cast<std::int64_t>(size_of(corner.dtype)),
                    corner.voxels.data() + static_cast<std::size_t>(row_of(small, c, x, y)) * row_bytes, row_bytes);
      }
  return large;
}

/// The last `rows` rows of both, of the last channel, hold the same bytes.
bool same_last_rows(const DeviceVolume& large, const DeviceVolume& small, int rows) {
  REQUIRE(large.size()[2] == small.size()[2]);
  REQUIRE(large.dtype() == small.dtype());
  const std::size_t bytes = static_cast<std::size_t>(rows) * large.size()[2] * size_of(large.dtype());
  return std::memcmp(large.memory().get() + large.bytes() - bytes, small.memory().get() + small.bytes() - bytes,
                     bytes) == 0;
}

using Transform = std::function<DeviceVolume(const DeviceVolume&, Workspace&)>;

/// The transform gives the last rows of a large volume what it gives those of its corner.
void check_corner(const HostVolume& corner, const Int3& size, std::int64_t run_rows, int same_rows,
                  const Transform& transform) {
  if (!has_simt()) return;
  Job large(run_rows), small(0);
  const DeviceVolume result = transform(around(corner, size, large.workspace()), large.workspace());
  const DeviceVolume expected =
      transform(upload(corner, small.workspace()).with_affine(identity_affine()), small.workspace());
  large.finish();
  small.finish();
  CHECK(same_last_rows(result, expected, same_rows));
}

HostVolume corner_of(DType dtype, std::int32_t channels) {
  return Random().intensities(dtype, channels, kCorner, false);
}

}  // namespace

TEST_CASE("pointwise transforms reach voxels beyond 2^31", "[large]") {
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
  const Int3 size = {1000, 1000, kSize[2]};
  check_corner(corner_of(DType::f32, 4), size, 3, 3, argmax);
  check_corner(corner_of(DType::f32, 2), kSize, 3000, 3, argmax);
}

TEST_CASE("crops and moves of axes reach rows beyond 2^31", "[large]") {
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
  check_corner(corner_of(DType::f32, 1), kSize, 5, 3, [](const DeviceVolume& volume, Workspace& workspace) {
    return gaussian_smooth(volume, {0.3, 0.3, 0.3}, workspace);
  });
}

TEST_CASE("scaling, cropping and resizing at once reads and writes rows beyond 2^31", "[large]") {
  if (!has_simt()) return;
  Job job(1);
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
  if (!has_simt()) return;
  const Int3 size = {1600, 1344, 1024};  // whole tiles, so that the last one lies in the corner
  Job large(1), small(0);
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
  if (!has_simt()) return;
  for (const Interpolation mode :
       {Interpolation::area, Interpolation::trilinear, Interpolation::nearest, Interpolation::nearest_exact}) {
    Job job(2);
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
  if (!has_simt()) return;
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
    Job job(2);
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

TEST_CASE("the contour of a mask is right beyond 2^31", "[large]") {
  check_corner(Random().labels(DType::u8, 1, kCorner, 1, 0.03), kLong, 3 * kLong[1], 5, label_to_contour);
  check_corner(Random().labels(DType::u8, 1, kCorner, 2, 0.03), kLong, 3 * kLong[1], 5, label_to_contour);
}

TEST_CASE("components are found beyond 2^31", "[large]") {
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

TEST_CASE("types, ranges, activations and one-hots reach voxels beyond 2^31", "[large]") {
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

TEST_CASE("the foreground beyond 2^31 is in the box", "[large]") {
  if (!has_simt()) return;
  Job job(2);
  DeviceVolume volume(DType::u8, 1, {kSize, identity_affine()}, job.workspace());
  volume.mutable_data<std::uint8_t>()[volume.count() - 1] = 1;
  const Box box = foreground_box(volume, {}, job.workspace());
  CHECK(box.end == kSize);
}

TEST_CASE("percentiles count values beyond 2^31", "[large]") {
  if (!has_simt()) return;
  Job job(3);
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

TEST_CASE("windows are gathered from and added to voxels beyond 2^31", "[large]") {
  if (!has_simt()) return;
  Job job(3);
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
