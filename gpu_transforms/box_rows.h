#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "gpu_transforms/backend.h"
#include "gpu_transforms/pad.h"

// How the rows of a box are found in the image: what crop, the pads and the fused crops share.
namespace voxd {

/// Far beyond any image, and differences of such coordinates still fit 32 bits.
inline constexpr std::int64_t kBoxReach = 1 << 29;

/// `value`, or Error{invalid_argument} naming `name` if a box that reaches there would be too large.
std::int32_t within_reach(std::int64_t value, const char* name);

/// One value for all axes, or one per axis. Throws Error{invalid_argument} naming `name`.
Int3 per_axis(const char* name, const std::vector<int>& values);

/// The grid of the box's voxels: they stay where they are in the patient.
Geometry cropped(const Geometry& geometry, const Box& box);

/// An axis of a box: `before` voxels of padding, `inside` voxels of the image from voxel `first` on, then padding.
struct BoxAxis {
  std::int32_t before, inside, first, length;
  VOXD_HD std::int32_t after() const { return length - before - inside; }
};

/// The axes of a box over an image of `size`. Throws Error{invalid_argument} if the box ends before it starts, or
/// reaches too far.
std::array<BoxAxis, 3> box_axes(const Box& box, const Int3& size);

/// Where along the axis of a box position `i` is read: a voxel of the image, or -1 if it is padding that no voxel
/// stands for. `inside` must not be 0, and for reflect not 1, where there is padding.
VOXD_HD inline std::int32_t source_of(const BoxAxis& axis, PadMode mode, std::int32_t i) {
  const std::int32_t n = axis.inside;
  std::int32_t at = i - axis.before;
  if (at >= 0 && at < n) return axis.first + at;
  if (mode == PadMode::edge) {
    at = at < 0 ? 0 : n - 1;
  } else if (mode == PadMode::wrap || mode == PadMode::symmetric || mode == PadMode::reflect) {
    const std::int32_t period = mode == PadMode::wrap ? n : mode == PadMode::symmetric ? 2 * n : 2 * n - 2;
    at %= period;
    if (at < 0) at += period;
    if (at >= n) at = mode == PadMode::symmetric ? period - 1 - at : period - at;
  } else {
    return -1;
  }
  return axis.first + at;
}

/// `value` as T, or Error{invalid_argument} if it does not fit.
template <class T>
T checked_value(double value) {
  if constexpr (std::is_floating_point_v<T>) return static_cast<T>(value);
  // Compared as float64 against the first value beyond the range, which a float64 holds exactly.
  const double beyond = std::ldexp(1.0, std::numeric_limits<T>::digits);
  if (!(value >= static_cast<double>(std::numeric_limits<T>::min()) && value < beyond && value == std::floor(value)))
    fail(Code::invalid_argument, "value: ", value, " does not fit ", name_of(dtype_of<T>));
  return static_cast<T>(value);
}

}  // namespace voxd
