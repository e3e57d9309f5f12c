#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "gpu_transforms/backend.h"
#include "gpu_transforms/pad.h"

// Where the windows of MONAI's SlidingWindowInferer lie (monai/inferers/utils.py, sliding_window_inference).
namespace voxd {

/// How much a voxel counts where windows overlap: all alike, or the less the further from the window's middle.
enum class WindowMode { constant, gaussian };

/// Parameters of MONAI's SlidingWindowInferer, under its names.
struct SlidingWindows {
  std::vector<int> roi_size;             ///< voxels; one for all axes or one per axis; <= 0 takes the image's
  int sw_batch_size = 1;                 ///< windows that are predicted at once, at least 1
  std::vector<double> overlap = {0.25};  ///< share of a window, 0 <= overlap < 1; one or one per axis
  WindowMode mode = WindowMode::constant;
  std::vector<double> sigma_scale = {0.125};  ///< of mode gaussian: its deviation as a share of the window
  Padding padding;                            ///< of an image smaller than a window: constant, reflect, edge or wrap
};

/// Windows along one axis: each `interval` voxels after the one before; those that would reach beyond the axis are
/// shifted back to end with it. Voxels count from the start of the padding.
struct WindowAxis {
  std::int32_t size;      ///< of the axis, with padding
  std::int32_t roi;       ///< of a window
  std::int32_t interval;  ///< from 1 to roi
  std::int32_t count;     ///< of windows
  std::int32_t before;    ///< padding before the image
  std::int32_t image;     ///< voxels of the image

  VOXD_HD std::int32_t start(std::int32_t i) const {
    const std::int64_t at = std::int64_t{i} * interval;
    return at < size - roi ? static_cast<std::int32_t>(at) : size - roi;
  }
};

/// All windows of an image, numbered with Z fastest.
struct WindowGrid {
  std::array<WindowAxis, 3> axes{};

  std::int64_t count() const { return std::int64_t{axes[0].count} * axes[1].count * axes[2].count; }
  /// Its number along each axis.
  Int3 index(std::int64_t window) const;
  Int3 roi() const { return {axes[0].roi, axes[1].roi, axes[2].roi}; }
  /// The padded image, in voxels of the image.
  Box padded() const;
  bool is_padded() const;
};

/// Throws Error{invalid_argument} for an image without voxels, a parameter that MONAI refuses, padding that MONAI
/// refuses for that image, or sizes that do not fit 63 bits of bytes.
WindowGrid window_grid(const Int3& image, const SlidingWindows& params);

/// Throws as window_grid does for what is wrong whatever the image.
void check_sliding_windows(const SlidingWindows& params);

/// One axis of what a network makes of the windows, which may be smaller or larger than they are, by `scale`.
struct PredictedAxis {
  WindowAxis windows;
  double scale;
  std::int32_t roi;          ///< of a prediction
  std::int32_t size;         ///< of all of them
  std::int32_t first, last;  ///< what is left of the size once the padding is cut away: first..last-1

  VOXD_HD std::int32_t begin(std::int32_t i) const {
    return static_cast<std::int32_t>(static_cast<double>(windows.start(i)) * scale);
  }
  VOXD_HD std::int32_t end(std::int32_t i) const { return begin(i) + roi; }
  /// The first voxel of window i, counted from its begin, that no earlier window has.
  std::int32_t fresh(std::int32_t i) const { return i == 0 ? 0 : end(i - 1) - begin(i); }
};

/// `roi`: size of the prediction of one window. Throws Error{invalid_argument} if, scaled by roi over the grid's roi,
/// the windows do not come out at whole sizes.
std::array<PredictedAxis, 3> predicted_axes(const WindowGrid& grid, const Int3& roi);

/// Where the sums of windows are kept: lines along Z, each plane's in one of `slots` rings of `lines` lines.
struct SumLines {
  std::int32_t slots, lines;
  std::int32_t ny;  ///< lines of a plane

  VOXD_HD std::int64_t of(std::int32_t x, std::int32_t y) const {
    return std::int64_t{x % slots} * lines + (std::int64_t{x / slots} * ny + y) % lines;
  }
};

/// Every line has a place of its own.
SumLines all_lines(const std::array<PredictedAxis, 3>& axes);

/// As few places as will do where a line is given away once no later window touches it. Planes `slots` apart share a
/// ring, the later one following on the earlier one, and there are never more than two of them: of the earlier one only
/// lines from the present window on are still needed, of the later one only those up to its end have begun. That makes
/// a plane's lines and a window's in each ring, and needs a ring for half of a window's planes, and for all that a
/// window shares with the next one along X.
SumLines fewest_lines(const std::array<PredictedAxis, 3>& axes);

}  // namespace voxd
