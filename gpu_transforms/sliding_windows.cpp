#include <algorithm>
#include <memory>

#include "gpu_transforms/labels.h"
#include "gpu_transforms/transfer.h"
#include "gpu_transforms/windows.h"

namespace voxd {
namespace {

/// Cuts, predicts and adds window after window.
std::unique_ptr<WindowAccumulator> add_windows(const DeviceVolume& image, const SlidingWindows& params,
                                               const WindowPredictor& predict, Workspace& workspace,
                                               const SlabSink& sink = {}) {
  const WindowGrid grid = window_grid(image.size(), params);
  const DeviceVolume padded = crop(to_float32(image, workspace), grid.padded(), params.padding, workspace);
  std::unique_ptr<WindowAccumulator> accumulator;
  for (std::int64_t first = 0; first < grid.count(); first += params.sw_batch_size) {
    const auto count = static_cast<std::int32_t>(std::min<std::int64_t>(params.sw_batch_size, grid.count() - first));
    const DeviceVolume predictions = predict(gather_windows(padded, grid, first, count, workspace), count);
    if (!accumulator)
      accumulator = std::make_unique<WindowAccumulator>(image.geometry(), grid, params, predictions.channels() / count,
                                                        predictions.size(), workspace, sink);
    accumulator->add(predictions, count);
  }
  return accumulator;
}

}  // namespace

DeviceVolume blend_windows(const DeviceVolume& image, const SlidingWindows& params, const WindowPredictor& predict,
                           Workspace& workspace) {
  return add_windows(image, params, predict, workspace)->finish();
}

DeviceVolume label_windows(const DeviceVolume& image, const SlidingWindows& params, const WindowPredictor& predict,
                           Workspace& workspace) {
  DeviceVolume labels;
  const auto label = [&](const DeviceVolume& slab, std::int32_t first_x, const Geometry& whole) {
    const DeviceVolume part = argmax(slab, workspace);
    if (labels.memory() == nullptr) labels = DeviceVolume(part.dtype(), 1, whole, workspace);
    const std::size_t plane = part.bytes() / static_cast<std::size_t>(part.size()[0]);
    copy_bytes(labels.memory().get() + static_cast<std::size_t>(first_x) * plane, part.memory().get(), part.bytes(),
               Direction::on_device, workspace.stream());
  };
  add_windows(image, params, predict, workspace, label)->finish();
  return labels;
}

}  // namespace voxd
