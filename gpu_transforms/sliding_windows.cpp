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
                                               const BlockSink& sink = {}) {
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
  const auto label = [&](const DeviceVolume& block, std::int32_t first_x, std::int32_t first_y, const Geometry& whole) {
    const DeviceVolume part = argmax(block, workspace);
    if (labels.memory() == nullptr) labels = DeviceVolume(part.dtype(), 1, whole, workspace);
    // A plane's lines lie one after the other in both.
    const std::size_t line = size_of(part.dtype()) * static_cast<std::size_t>(whole.size[2]);
    const std::size_t plane = line * static_cast<std::size_t>(whole.size[1]);
    const std::size_t bytes = line * static_cast<std::size_t>(part.size()[1]);
    for (std::size_t x = 0; x < static_cast<std::size_t>(part.size()[0]); ++x)
      copy_bytes(labels.memory().get() + (static_cast<std::size_t>(first_x) + x) * plane +
                     static_cast<std::size_t>(first_y) * line,
                 part.memory().get() + x * bytes, bytes, Direction::on_device, workspace.stream());
  };
  add_windows(image, params, predict, workspace, label)->finish();
  return labels;
}

}  // namespace voxd
