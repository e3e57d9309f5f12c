#include <algorithm>

#include "gpu_transforms/parallel.h"
#include "gpu_transforms/spatial.h"
#include "gpu_transforms/windows.h"

// One launch per window, in the order of the windows, so that every voxel gets its additions in that order without
// atomics; the threads share a window's rows. As windows are sorted along each axis, the voxels that a window is the
// first to touch are a box at its far corner: they are stored where others are added to, and nothing has to be set to 0
// before. The sum of the weights is not kept either: when a row is divided, the weights of the windows over it are
// added up anew, in their order, in scratch memory, and serve all channels.
//
// With a sink the places of lines that were handed out are used again (fewest_lines).
namespace voxd {
namespace {

/// Sums of windows, of nz voxels along each line.
struct Sums {
  float* first;
  SumLines lines;
  std::int32_t nz;
  VOXD_HD float* line(std::int32_t channel, std::int32_t x, std::int32_t y) const {
    return first + (std::int64_t{channel} * lines.slots * lines.lines + lines.of(x, y)) * nz;
  }
};

/// Adds row r of a window's prediction. Voxels from `fresh` on, counted from the window's begin along each axis, have
/// had nothing added to them yet.
template <bool kWeighted>
struct AddRow {
  const float* predictions;
  const float* weights;
  Sums sums;
  std::int32_t channels, roi_x, roi_y, roi_z;
  std::int32_t x, y, z;  ///< where the window begins
  std::int32_t fresh_x, fresh_y, fresh_z;

  struct Row {
    const float* prediction;
    const float* weight;
    float* sum;
    std::int32_t fresh;
    VOXD_HD void operator()(std::int32_t i) const {
      const float before = i < fresh ? sum[i] : 0.0f;
      sum[i] = before + (kWeighted ? prediction[i] * weight[i] : prediction[i]);
    }
  };
  /// Plane by plane, in each channel by channel: the weights of a plane stay in the cache for all channels.
  VOXD_HD Row row(std::int64_t r) const {
    const std::int32_t in_y = static_cast<std::int32_t>(r % roi_y),
                       channel = static_cast<std::int32_t>(r / roi_y % channels),
                       in_x = static_cast<std::int32_t>(r / roi_y / channels);
    return {predictions + ((std::int64_t{channel} * roi_x + in_x) * roi_y + in_y) * roi_z,
            kWeighted ? weights + (std::int64_t{in_x} * roi_y + in_y) * roi_z : nullptr,
            sums.line(channel, x + in_x, y + in_y) + z, in_x >= fresh_x && in_y >= fresh_y ? fresh_z : roi_z};
  }
};

/// Divides all channels of one row by the weights that lie on it.
struct DivideRow {
  Sums sums;
  const float* weights;  ///< null where all are 1
  PredictedAxis x, y, z;
  float* out;
  std::int32_t channels, first_x, first_y, nx, ny;  ///< the part of the volume that `out` is

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    const std::int32_t nz = z.last - z.first;
    const std::int32_t at_x = static_cast<std::int32_t>(r / ny) + first_x,
                       at_y = static_cast<std::int32_t>(r % ny) + first_y;
    float* total = reinterpret_cast<float*>(team.scratch);
    // No sync: the first window begins at 0, where lanes meet the same voxels again.
    team.each(z.size, [=](std::int32_t i) { total[i] = 0; });
    for (std::int32_t i = 0; i < x.windows.count; ++i) {
      const std::int32_t in_x = at_x - x.begin(i);
      if (in_x < 0 || in_x >= x.roi) continue;
      for (std::int32_t j = 0; j < y.windows.count; ++j) {
        const std::int32_t in_y = at_y - y.begin(j);
        if (in_y < 0 || in_y >= y.roi) continue;
        add_row(team, total, weights == nullptr ? nullptr : weights + (std::int64_t{in_x} * y.roi + in_y) * z.roi);
      }
    }
    const float* divisor = total + z.first;
    for (std::int32_t channel = 0; channel < channels; ++channel) {
      const float* sum = sums.line(channel, at_x, at_y) + z.first;
      float* to = out + (std::int64_t{channel} * nx * ny + r) * nz;
      team.each(nz, [=](std::int32_t i) { to[i] = sum[i] / divisor[i]; });
    }
  }

  template <class Team>
  VOXD_HD void add_row(const Team& team, float* total, const float* row) const {
    for (std::int32_t k = 0; k < z.windows.count; ++k) {
      float* to = total + z.begin(k);
      if (row == nullptr) {
        team.each(z.roi, [=](std::int32_t i) { to[i] += 1.0f; });
      } else {
        team.each(z.roi, [=](std::int32_t i) { to[i] += row[i]; });
      }
      // The next window's lanes meet other voxels.
      team.sync();
    }
  }
};

/// The affine of a grid that starts at a voxel of this one.
Affine starting_at(Affine affine, std::int32_t x, std::int32_t y) {
  const Vec3 origin = apply(affine, {static_cast<double>(x), static_cast<double>(y), 0});
  for (std::size_t row = 0; row < 3; ++row) affine[row][3] = origin[row];
  return affine;
}

DeviceVolume weights_of(const WindowGrid& grid, const Int3& roi, const SlidingWindows& params, Workspace& workspace) {
  if (params.mode == WindowMode::constant) return {};
  DeviceVolume map = importance_map(grid.roi(), params, workspace);
  if (roi == grid.roi()) return map;
  Resize resizing;
  resizing.spatial_size = {roi[0], roi[1], roi[2]};
  resizing.mode = Interpolation::nearest_exact;
  return resize(map, resizing, workspace);
}

}  // namespace

WindowAccumulator::WindowAccumulator(const Geometry& image, const WindowGrid& grid, const SlidingWindows& params,
                                     std::int32_t channels, const Int3& roi, Workspace& workspace, BlockSink sink)
    : grid_(grid),
      axes_(predicted_axes(grid, roi)),
      channels_(channels),
      workspace_(workspace),
      sink_(std::move(sink)),
      lines_(sink_ ? fewest_lines(axes_) : all_lines(axes_)),
      weights_(weights_of(grid, roi, params, workspace)) {
  if (channels < 1) fail(Code::invalid_argument, "network: ", channels, " channels for a window, at least 1");
  for (std::size_t a = 0; a < 3; ++a) result_.size[a] = axes_[a].last - axes_[a].first;
  result_.affine = image.affine;
  sums_ = DeviceVolume(DType::f32, channels, {{lines_.slots, lines_.lines, axes_[2].size}, image.affine}, workspace);
}

void WindowAccumulator::add(const DeviceVolume& predictions, std::int32_t windows) {
  const PredictedAxis &x = axes_[0], &y = axes_[1], &z = axes_[2];
  const Int3 roi = {x.roi, y.roi, z.roi};
  if (predictions.size() != roi || predictions.channels() != std::int64_t{windows} * channels_)
    fail(Code::invalid_argument, "network: ", predictions.channels(), "x", to_string(predictions.size()), " for ",
         windows, " windows, expected ", std::int64_t{windows} * channels_, "x", to_string(roi));
  if (added_ + windows > grid_.count())
    fail(Code::internal, added_ + windows, " predictions for ", grid_.count(), " windows");
  const Sums sums{sums_.mutable_data<float>(), lines_, z.size};
  const std::int64_t rows = std::int64_t{channels_} * x.roi * y.roi;
  for (std::int32_t i = 0; i < windows; ++i, ++added_) {
    const Int3 at = grid_.index(added_);
    if (sink_) hand_out_before(at[0], at[1]);
    const auto add_to = [&](auto row) {
      row = {predictions.data<float>() + i * rows * z.roi,
             weights_.empty() ? nullptr : weights_.data<float>(),
             sums,
             channels_,
             x.roi,
             y.roi,
             z.roi,
             x.begin(at[0]),
             y.begin(at[1]),
             z.begin(at[2]),
             x.fresh(at[0]),
             y.fresh(at[1]),
             z.fresh(at[2])};
      parallel::for_each_row(workspace_.stream(), rows, z.roi, row);
    };
    if (weights_.empty())
      add_to(AddRow<false>{});
    else
      add_to(AddRow<true>{});
  }
}

DeviceVolume WindowAccumulator::finish() {
  if (added_ != grid_.count()) fail(Code::internal, added_, " predictions for ", grid_.count(), " windows");
  if (sink_) {
    hand_out(axes_[0].size, axes_[1].size);
    return {};
  }
  if (result_.size != sums_.size()) {
    DeviceVolume result(DType::f32, channels_, result_, workspace_);
    divide(result, axes_[0].first, axes_[1].first);
    return result;
  }
  divide(sums_, 0, 0);
  return std::move(sums_);
}

/// What the windows before this one were the last to touch. Windows come with X slowest.
void WindowAccumulator::hand_out_before(std::int32_t window_x, std::int32_t window_y) {
  const PredictedAxis &x = axes_[0], &y = axes_[1];
  if (window_x != window_x_) {
    hand_out(x.begin(window_x), y.size);
    done_x_ = x.begin(window_x);
    done_y_ = 0;
    window_x_ = window_x;
  }
  hand_out(window_x + 1 < x.windows.count ? x.begin(window_x + 1) : x.size, y.begin(window_y));
  done_y_ = y.begin(window_y);
}

/// Lines done_y_..until_y-1 of the planes done_x_..until_x-1.
void WindowAccumulator::hand_out(std::int32_t until_x, std::int32_t until_y) {
  const PredictedAxis &x = axes_[0], &y = axes_[1];
  const std::int32_t first_y = std::max(done_y_, y.first), ny = std::min(until_y, y.last) - first_y,
                     end = std::min(until_x, x.last);
  if (ny <= 0) return;
  const std::int64_t plane = 4 * std::int64_t{channels_} * ny * result_.size[2];
  const std::int64_t most = std::max<std::int64_t>(1, kBlockBytes / std::max<std::int64_t>(1, plane));
  for (std::int32_t first = std::max(done_x_, x.first); first < end;) {
    const std::int32_t nx = static_cast<std::int32_t>(std::min<std::int64_t>(most, end - first));
    const std::int32_t at_x = first - x.first, at_y = first_y - y.first;
    DeviceVolume block(DType::f32, channels_, {{nx, ny, result_.size[2]}, starting_at(result_.affine, at_x, at_y)},
                       workspace_);
    divide(block, first, first_y);
    sink_(block, at_x, at_y, result_);
    first += nx;
  }
}

/// `to`: all voxels that are kept of lines first_y and on of planes first_x and on.
void WindowAccumulator::divide(DeviceVolume& to, std::int32_t first_x, std::int32_t first_y) {
  const PredictedAxis &x = axes_[0], &y = axes_[1], &z = axes_[2];
  const std::int32_t nx = to.size()[0], ny = to.size()[1];
  parallel::for_each_team(workspace_.stream(), std::int64_t{nx} * ny, std::int64_t{channels_ + 8} * z.size,
                          sizeof(float) * static_cast<std::size_t>(z.size),
                          DivideRow{{sums_.mutable_data<float>(), lines_, z.size},
                                    weights_.empty() ? nullptr : weights_.data<float>(),
                                    x,
                                    y,
                                    z,
                                    to.mutable_data<float>(),
                                    channels_,
                                    first_x,
                                    first_y,
                                    nx,
                                    ny});
}

}  // namespace voxd
