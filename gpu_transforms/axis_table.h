#pragma once

#include <cmath>
#include <cstdint>
#include <memory>

#include "gpu_transforms/parallel.h"
#include "gpu_transforms/workspace.h"

// Where along one axis an output index reads: computed once per axis instead of once per voxel, in device memory, by
// the device itself, so that nothing small has to be uploaded. Each make_ function enqueues.
namespace voxd {

/// Linear interpolation between in[lower] and in[upper], of which `weight` is the upper one's.
struct LinearAxis {
  std::int32_t* lower;
  std::int32_t* upper;
  float* weight;
};

/// lower * (1 - weight) + upper * weight, rounded as torch's CPU code is: one fused multiply-add. An infinite neighbour
/// of weight 0 gives NaN, as there.
VOXD_HD inline float interpolate(float lower, float upper, float weight) {
  return fmaf(lower, 1.0f - weight, upper * weight);
}

/// One input index per output index.
struct NearestAxis {
  std::int32_t* index;
};

/// Bin i covers in[begin[i]] .. in[begin[i] + width[i] - 1].
struct AreaAxis {
  std::int32_t* begin;
  std::int32_t* width;
};

/// First index of adaptive pooling's bin i of `out` over `in`: floor(i * in / out).
VOXD_HD inline std::int32_t area_begin(std::int32_t i, std::int32_t in, std::int32_t out) {
  return static_cast<std::int32_t>(std::int64_t{i} * in / out);
}
/// One past the last: ceil((i + 1) * in / out).
VOXD_HD inline std::int32_t area_end(std::int32_t i, std::int32_t in, std::int32_t out) {
  return static_cast<std::int32_t>(((std::int64_t{i} + 1) * in + out - 1) / out);
}

struct FillAreaAxis {
  AreaAxis axis;
  std::int32_t in, out;
  VOXD_HD FillAreaAxis row(std::int64_t) const { return *this; }
  VOXD_HD void operator()(std::int32_t i) const {
    axis.begin[i] = area_begin(i, in, out);
    axis.width[i] = area_end(i, in, out) - axis.begin[i];
  }
};

/// torch's linear interpolation, in float32 and with its one fused multiply-add, because where the position rounds is
/// part of what MONAI returns.
struct FillLinearAxis {
  LinearAxis axis;
  std::int32_t in, out;
  bool align_corners;
  VOXD_HD FillLinearAxis row(std::int64_t) const { return *this; }
  VOXD_HD void operator()(std::int32_t i) const {
    float source = static_cast<float>(i);
    if (in != out) {
      if (align_corners) {
        source *= out > 1 ? static_cast<float>(in - 1) / static_cast<float>(out - 1) : 0.0f;
      } else {
        source = fmaf(static_cast<float>(in) / static_cast<float>(out), source + 0.5f, -0.5f);
      }
    }
    source = source > 0 ? source : 0;
    const std::int32_t floor = static_cast<std::int32_t>(source);
    const std::int32_t lower = floor < in - 1 ? floor : in - 1;
    const float beyond = source - static_cast<float>(lower);
    axis.lower[i] = lower;
    axis.upper[i] = in == out || lower == in - 1 ? lower : lower + 1;
    axis.weight[i] = beyond < 1 ? beyond : 1;
  }
};

/// torch's nearest: floor of the index times the ratio, the ratio and the product in float32 (and two ratios by whole
/// numbers), because where they round is part of what MONAI returns. `exact` takes the index's middle.
struct FillNearestAxis {
  NearestAxis axis;
  std::int32_t in, out;
  bool exact;
  VOXD_HD FillNearestAxis row(std::int64_t) const { return *this; }
  VOXD_HD void operator()(std::int32_t i) const {
    const float ratio = static_cast<float>(in) / static_cast<float>(out);
    float source = 0;
    if (exact) {
      source = floorf(static_cast<float>((i + 0.5) * static_cast<double>(ratio)));
    } else if (in == out) {
      source = static_cast<float>(i);
    } else if (std::int64_t{out} == 2 * std::int64_t{in}) {
      source = static_cast<float>(i / 2);
    } else {
      source = floorf(static_cast<float>(i) * ratio);
    }
    const std::int32_t index = static_cast<std::int32_t>(source);
    axis.index[i] = index < in - 1 ? index : in - 1;
  }
};

/// Owns the memory of an axis table until the work that reads it is enqueued.
template <class Axis>
struct AxisMemory {
  std::shared_ptr<std::byte> memory;
  Axis axis;
};

namespace axis_table_detail {

/// `columns` arrays of n 4-byte numbers.
inline std::shared_ptr<std::byte> columns(Workspace& workspace, int columns, std::int32_t n) {
  return workspace.allocate(static_cast<std::size_t>(columns) * static_cast<std::size_t>(n) * 4);
}

}  // namespace axis_table_detail

inline AxisMemory<AreaAxis> make_area_axis(std::int32_t in, std::int32_t out, Workspace& workspace) {
  auto memory = axis_table_detail::columns(workspace, 2, out);
  auto* first = reinterpret_cast<std::int32_t*>(memory.get());
  const AreaAxis axis{first, first + out};
  parallel::for_each_row(workspace.stream(), 1, out, FillAreaAxis{axis, in, out});
  return {memory, axis};
}

inline AxisMemory<LinearAxis> make_linear_axis(std::int32_t in, std::int32_t out, bool align_corners,
                                               Workspace& workspace) {
  auto memory = axis_table_detail::columns(workspace, 3, out);
  auto* first = reinterpret_cast<std::int32_t*>(memory.get());
  const LinearAxis axis{first, first + out, reinterpret_cast<float*>(first + 2 * std::int64_t{out})};
  parallel::for_each_row(workspace.stream(), 1, out, FillLinearAxis{axis, in, out, align_corners});
  return {memory, axis};
}

inline AxisMemory<NearestAxis> make_nearest_axis(std::int32_t in, std::int32_t out, bool exact, Workspace& workspace) {
  auto memory = axis_table_detail::columns(workspace, 1, out);
  const NearestAxis axis{reinterpret_cast<std::int32_t*>(memory.get())};
  parallel::for_each_row(workspace.stream(), 1, out, FillNearestAxis{axis, in, out, exact});
  return {memory, axis};
}

}  // namespace voxd
