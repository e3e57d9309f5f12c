#pragma once

#include <functional>
#include <memory>

#include "gpu_transforms/device_volume.h"
#include "gpu_transforms/window_grid.h"

// MONAI's SlidingWindowInferer: an image is cut into overlapping windows, a network predicts each, and the predictions
// are blended. Numbers are MONAI 1.6.1's: float32, every voxel's additions in the order of the windows on every backend
// and any number of threads. Each function enqueues on the workspace's stream and does not synchronize.
namespace voxd {

/// The weight of each voxel of a window, [1,X,Y,Z] float32: 1, or the product of one normal distribution per axis
/// (deviation sigma_scale * roi, 1 in the middle), at least 1e-3. `roi` are the voxels of a window.
/// MONAI's compute_importance_map but for the last bit of exp, which is rounded correctly here. Output plus no scratch.
DeviceVolume importance_map(const Int3& roi, const SlidingWindows& params, Workspace& workspace);

/// Windows first..first+count-1 of an image that is as large as the grid (padded, if need be), one after the other:
/// [count*C, roi] float32, with the image's affine. Output plus no scratch.
DeviceVolume gather_windows(const DeviceVolume& image, const WindowGrid& grid, std::int64_t first, std::int32_t count,
                            Workspace& workspace);

/// Of a block, which has at least one plane of its lines.
inline constexpr std::int64_t kBlockBytes = std::int64_t{64} << 20;

/// Gets a block of a blended volume, whole lines along Z: [C,n,m,Z] float32 with their place in the patient, of which
/// the first has the indices first_x and first_y on a grid that is `whole`.
using BlockSink =
    std::function<void(const DeviceVolume& block, std::int32_t first_x, std::int32_t first_y, const Geometry& whole)>;

/// Adds up the predictions of the windows of a grid, weighted, in the order of the grid, and divides by the sum of the
/// weights. With a sink it holds about half of what one window is long along X: lines that no later window touches are
/// divided and handed out, each once. Without one the whole volume comes from finish().
/// Thread rule: used by the workspace's thread.
class WindowAccumulator {
 public:
  /// `image`: what was cut, without padding. `channels` and `roi`: what the network makes of one window.
  /// Memory: a float32 volume of `channels` over the padded image, or with a sink over its fewest_lines(), and one
  /// block (kBlockBytes, or a window's lines in one plane); and the weights of a window. Throws as predicted_axes does.
  WindowAccumulator(const Geometry& image, const WindowGrid& grid, const SlidingWindows& params, std::int32_t channels,
                    const Int3& roi, Workspace& workspace, BlockSink sink = {});

  /// Where the result lies: the image, scaled as the network scales a window, with the image's affine.
  const Geometry& result() const { return result_; }

  /// The predictions of the next windows of the grid, [windows*channels, roi] float32. Throws Error{invalid_argument}
  /// if they have another shape, Error{internal} if there are more than the grid has.
  void add(const DeviceVolume& predictions, std::int32_t windows);

  /// After the last window: the blended volume, or nothing if there is a sink. Where the image was padded, output
  /// besides what was held.
  DeviceVolume finish();

 private:
  void hand_out_before(std::int32_t window_x, std::int32_t window_y);
  void hand_out(std::int32_t until_x, std::int32_t until_y);
  void divide(DeviceVolume& to, std::int32_t first_x, std::int32_t first_y);

  const WindowGrid grid_;
  const std::array<PredictedAxis, 3> axes_;
  const std::int32_t channels_;
  Workspace& workspace_;
  const BlockSink sink_;
  const SumLines lines_;
  Geometry result_;
  DeviceVolume weights_;  // without voxels where all are 1
  DeviceVolume sums_;     // in the order of lines_
  std::int64_t added_ = 0;
  // What was handed out, padding included: all planes before done_x_, and of those that the windows at window_x_ are
  // the last to touch, the lines before done_y_.
  std::int32_t done_x_ = 0, done_y_ = 0, window_x_ = 0;
};

/// What the network makes of `count` windows [count*C, roi]: [count*K, roi'].
using WindowPredictor = std::function<DeviceVolume(const DeviceVolume& windows, std::int32_t count)>;

/// MONAI's sliding_window_inference: [C,X,Y,Z] -> [K,X',Y',Z'] float32 with the image's affine. Beside what the
/// predictor holds: the padded image (if it is padded), sw_batch_size windows, and an accumulator.
/// Throws Error{invalid_argument} as window_grid and the accumulator do.
DeviceVolume blend_windows(const DeviceVolume& image, const SlidingWindows& params, const WindowPredictor& predict,
                           Workspace& workspace);

/// argmax() of blend_windows(), without ever holding the whole blended volume: it is made block by block.
DeviceVolume label_windows(const DeviceVolume& image, const SlidingWindows& params, const WindowPredictor& predict,
                           Workspace& workspace);

}  // namespace voxd
