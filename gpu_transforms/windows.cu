#include <cmath>
#include <limits>

#include "gpu_transforms/parallel.h"
#include "gpu_transforms/volume/checked.h"
#include "gpu_transforms/windows.h"

// A window is a box of rows that lie contiguous in the image: one launch per window copies them, so that what differs
// between windows is known before the launch and no row has to find out which window it belongs to.
namespace voxd {
namespace {

/// Row r of a window that begins at `in`, of an image of the given size.
struct GatherRow {
  const float* in;
  float* out;
  std::int32_t size_x, size_y, size_z, roi_x, roi_y, roi_z;

  struct Row {
    const float* in;
    float* out;
    VOXD_HD void operator()(std::int32_t z) const { out[z] = in[z]; }
  };
  VOXD_HD Row row(std::int64_t r) const {
    const std::int64_t y = r % roi_y, x = r / roi_y % roi_x, channel = r / roi_y / roi_x;
    return {in + ((channel * size_x + x) * size_y + y) * size_z, out + r * roi_z};
  }
};

struct OnesRow {
  float* out;
  std::int32_t nz;
  struct Row {
    float* out;
    VOXD_HD void operator()(std::int32_t z) const { out[z] = 1; }
  };
  VOXD_HD Row row(std::int64_t r) const { return {out + r * nz}; }
};

/// exp(-d^2 / (2 sigma^2)) for the distance d from the middle; what torch rounds to float32 is rounded here too.
struct NormalDistribution {
  float* out;
  float middle, scale;  ///< -2 sigma^2
  VOXD_HD NormalDistribution row(std::int64_t) const { return *this; }
  VOXD_HD void operator()(std::int32_t i) const {
    const float distance = static_cast<float>(i) - middle;
    out[i] = static_cast<float>(exp(static_cast<double>(distance * distance / scale)));
  }
};

struct MapRow {
  const float *x, *y, *z;
  float* out;
  std::int32_t ny, nz;

  struct Row {
    float xy;
    const float* along_z;
    float* out;
    VOXD_HD void operator()(std::int32_t z) const {
      const float weight = xy * along_z[z];
      out[z] = weight < 1e-3f ? 1e-3f : weight;
    }
  };
  VOXD_HD Row row(std::int64_t r) const { return {x[r / ny] * y[r % ny], z, out + r * nz}; }
};

/// -2 sigma^2 of a window's axis, as float32.
float scale_of(const SlidingWindows& params, std::size_t axis, std::int32_t roi) {
  const double sigma = roi * params.sigma_scale[params.sigma_scale.size() == 1 ? 0 : axis];
  const float scale = static_cast<float>(-2 * (sigma * sigma));
  if (scale == 0) fail(Code::invalid_argument, "sigma_scale: ", sigma / roi, " is too little for ", roi, " voxels");
  return scale;
}

}  // namespace

DeviceVolume importance_map(const Int3& roi, const SlidingWindows& params, Workspace& workspace) {
  check_sliding_windows(params);
  DeviceVolume map(DType::f32, 1, {roi, identity_affine()}, workspace);
  if (map.empty()) return map;
  Stream& stream = workspace.stream();
  const auto [nx, ny, nz] = roi;
  const std::int64_t rows = std::int64_t{nx} * ny;
  if (params.mode == WindowMode::constant) {
    parallel::for_each_row(stream, rows, nz, OnesRow{map.mutable_data<float>(), nz});
    return map;
  }
  const auto axes = workspace.allocate_array<float>(std::int64_t{nx} + ny + nz);
  float* x = axes.get();
  float *y = x + nx, *z = y + ny;
  float* out[3] = {x, y, z};
  for (std::size_t a = 0; a < 3; ++a) {
    const float middle = static_cast<float>((static_cast<double>(roi[a]) - 1) / 2);
    parallel::for_each_row(stream, 1, roi[a], NormalDistribution{out[a], middle, scale_of(params, a, roi[a])});
  }
  parallel::for_each_row(stream, rows, nz, MapRow{x, y, z, map.mutable_data<float>(), ny, nz});
  return map;
}

DeviceVolume gather_windows(const DeviceVolume& image, const WindowGrid& grid, std::int64_t first, std::int32_t count,
                            Workspace& workspace) {
  const WindowAxis &x = grid.axes[0], &y = grid.axes[1], &z = grid.axes[2];
  if (image.size() != Int3{x.size, y.size, z.size})
    fail(Code::internal, "windows of ", x.size, "x", y.size, "x", z.size, " voxels in an image of ",
         to_string(image.size()));
  if (first < 0 || count < 1 || first + count > grid.count())
    fail(Code::internal, "windows ", first, " and ", count - 1, " more of ", grid.count());
  const std::int32_t channels = image.channels();
  const std::int64_t voxels = checked_product({channels, x.roi, y.roi, z.roi}, "window");
  if (std::int64_t{count} * channels > std::numeric_limits<std::int32_t>::max())
    fail(Code::invalid_argument, "sw_batch_size: ", count, " windows of ", channels, " channels at once");
  DeviceVolume windows(DType::f32, count * channels, {grid.roi(), image.geometry().affine}, workspace);
  for (std::int32_t i = 0; i < count; ++i) {
    const Int3 at = grid.index(first + i);
    const std::int64_t offset = (std::int64_t{x.start(at[0])} * y.size + y.start(at[1])) * z.size + z.start(at[2]);
    parallel::for_each_row(workspace.stream(), std::int64_t{channels} * x.roi * y.roi, z.roi,
                           GatherRow{image.data<float>() + offset, windows.mutable_data<float>() + i * voxels, x.size,
                                     y.size, z.size, x.roi, y.roi, z.roi});
  }
  return windows;
}

}  // namespace voxd
