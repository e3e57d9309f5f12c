#include "gpu_transforms/window_grid.h"

#include <algorithm>
#include <cmath>

#include "gpu_transforms/volume/checked.h"

namespace voxd {
namespace {

template <class T>
T along(const std::vector<T>& values, std::size_t axis) {
  return values[values.size() == 1 ? 0 : axis];
}

template <class T>
void check_count(const char* name, const std::vector<T>& values) {
  if (values.size() != 1 && values.size() != 3)
    fail(Code::invalid_argument, name, ": ", values.size(), " values, must be 1 or 3");
}

WindowAxis window_axis(std::int32_t image, std::int32_t roi, double overlap) {
  const std::int32_t size = std::max(image, roi), missing = size - image;
  // The product is MONAI's, in float64 and cut off: 10 voxels at an overlap of 0.9 are 0.99... apart, so 1.
  const std::int32_t interval =
      roi == size ? roi : std::max(1, static_cast<std::int32_t>(static_cast<double>(roi) * (1 - overlap)));
  const std::int32_t shifted = (size - roi) / interval + ((size - roi) % interval != 0);
  return {size, roi, interval, shifted + 1, missing / 2, image};
}

/// What torch's pad refuses.
void check_padding(const WindowGrid& grid, const Padding& padding) {
  if (!grid.is_padded()) return;
  if (padding.mode != PadMode::constant && padding.value != 0)
    fail(Code::invalid_argument, "cval: ", padding.value, ", only padding_mode \"constant\" takes one");
  if (padding.mode != PadMode::wrap) return;
  for (const WindowAxis& axis : grid.axes)
    if (axis.size - axis.image - axis.before > axis.image)
      fail(Code::invalid_argument, "padding_mode: \"circular\" of ", axis.image,
           " voxels gives at most as many before and after, the window has ", axis.roi);
}

std::int32_t scaled(std::int32_t at, double scale) {
  return static_cast<std::int32_t>(static_cast<double>(at) * scale);
}

PredictedAxis predicted_axis(const WindowAxis& windows, std::int32_t roi, bool padded) {
  const double scale = static_cast<double>(roi) / windows.roi;
  if (roi < 1 || !(windows.size * scale < 0x1p31))
    fail(Code::invalid_argument, "network: ", roi, " voxels for a window of ", windows.roi);
  PredictedAxis axis{windows, scale, roi, scaled(windows.size, scale), 0, 0};
  for (std::int32_t i = 0; i < windows.count; ++i)
    if (scaled(windows.start(i) + windows.roi, scale) != axis.end(i))
      fail(Code::invalid_argument, "network: ", roi, " voxels for a window of ", windows.roi,
           " do not fit windows that are ", windows.interval, " voxels apart in ", windows.size);
  axis.last = axis.size;
  if (!padded) return axis;
  // Rounded to even, as Python does.
  const double zoom = static_cast<double>(axis.size) / windows.roi;
  axis.first = static_cast<std::int32_t>(std::nearbyint(windows.before * zoom));
  axis.last = static_cast<std::int32_t>(
      std::min<double>(axis.size, std::nearbyint((static_cast<double>(windows.before) + windows.image) * zoom)));
  return axis;
}

}  // namespace

Int3 WindowGrid::index(std::int64_t window) const {
  const std::int64_t plane = window / axes[2].count;
  return {static_cast<std::int32_t>(plane / axes[1].count), static_cast<std::int32_t>(plane % axes[1].count),
          static_cast<std::int32_t>(window % axes[2].count)};
}

Box WindowGrid::padded() const {
  Box box;
  for (std::size_t a = 0; a < 3; ++a) {
    box.start[a] = -axes[a].before;
    box.end[a] = axes[a].size - axes[a].before;
  }
  return box;
}

bool WindowGrid::is_padded() const {
  return std::any_of(axes.begin(), axes.end(), [](const WindowAxis& axis) { return axis.size != axis.image; });
}

void check_sliding_windows(const SlidingWindows& params) {
  check_count("roi_size", params.roi_size);
  check_count("overlap", params.overlap);
  check_count("sigma_scale", params.sigma_scale);
  if (params.sw_batch_size < 1) fail(Code::invalid_argument, "sw_batch_size: ", params.sw_batch_size, ", at least 1");
  for (const double overlap : params.overlap)
    if (!(overlap >= 0 && overlap < 1)) fail(Code::invalid_argument, "overlap: ", overlap, ", must be in [0, 1)");
  for (const double sigma : params.sigma_scale)
    if (!std::isfinite(sigma) || sigma == 0)
      fail(Code::invalid_argument, "sigma_scale: ", sigma, ", must be finite and not 0");
  const PadMode mode = params.padding.mode;
  if (mode != PadMode::constant && mode != PadMode::reflect && mode != PadMode::edge && mode != PadMode::wrap)
    fail(Code::invalid_argument, "padding_mode: \"", name_of(mode),
         "\", must be constant, reflect, replicate or circular");
}

WindowGrid window_grid(const Int3& image, const SlidingWindows& params) {
  check_sliding_windows(params);
  WindowGrid grid;
  for (std::size_t a = 0; a < 3; ++a) {
    if (image[a] < 1) fail(Code::invalid_argument, "image: ", to_string(image), ", must have a voxel");
    const int roi = along(params.roi_size, a);
    grid.axes[a] = window_axis(image[a], roi > 0 ? roi : image[a], along(params.overlap, a));
  }
  checked_product({grid.axes[0].size, grid.axes[1].size, grid.axes[2].size, sizeof(float)}, "windows");
  check_padding(grid, params.padding);
  return grid;
}

std::array<PredictedAxis, 3> predicted_axes(const WindowGrid& grid, const Int3& roi) {
  const bool padded = grid.is_padded();
  return {predicted_axis(grid.axes[0], roi[0], padded), predicted_axis(grid.axes[1], roi[1], padded),
          predicted_axis(grid.axes[2], roi[2], padded)};
}

SumLines all_lines(const std::array<PredictedAxis, 3>& axes) { return {axes[0].size, axes[1].size, axes[1].size}; }

SumLines fewest_lines(const std::array<PredictedAxis, 3>& axes) {
  const PredictedAxis &x = axes[0], &y = axes[1];
  if (x.windows.count == 1) return {x.roi, y.roi, y.size};
  std::int32_t shared = 0;
  for (std::int32_t i = 1; i < x.windows.count; ++i) shared = std::max(shared, x.fresh(i));
  const std::int32_t slots = std::max(shared, x.roi - x.roi / 2);
  const std::int64_t lines = std::int64_t{y.size} + y.roi;
  if (lines * slots >= std::int64_t{y.size} * x.roi) return {x.roi, y.size, y.size};
  return {slots, static_cast<std::int32_t>(lines), y.size};
}

}  // namespace voxd
