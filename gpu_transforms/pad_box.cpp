#include <algorithm>

#include "gpu_transforms/box_rows.h"

namespace voxd {
namespace {

constexpr PadMode kModes[] = {PadMode::constant, PadMode::edge,    PadMode::reflect, PadMode::symmetric,
                              PadMode::wrap,     PadMode::minimum, PadMode::maximum};

}  // namespace

std::string_view name_of(PadMode mode) {
  switch (mode) {
    case PadMode::constant: return "constant";
    case PadMode::edge: return "edge";
    case PadMode::reflect: return "reflect";
    case PadMode::symmetric: return "symmetric";
    case PadMode::wrap: return "wrap";
    case PadMode::minimum: return "minimum";
    case PadMode::maximum: return "maximum";
  }
  return "?";
}

PadMode pad_mode_of(const std::string& mode) {
  if (mode == "replicate") return PadMode::edge;
  if (mode == "circular") return PadMode::wrap;
  for (const PadMode known : kModes)
    if (mode == name_of(known)) return known;
  for (const char* numpys : {"linear_ramp", "mean", "median", "empty"})
    if (mode == numpys) fail(Code::unimplemented, "mode: \"", mode, "\" is not supported");
  fail(Code::invalid_argument, "mode: \"", mode,
       "\", must be constant, edge, replicate, reflect, symmetric, wrap, circular, minimum or maximum");
}

std::int32_t within_reach(std::int64_t value, const char* name) {
  if (value < -kBoxReach || value > kBoxReach)
    fail(Code::invalid_argument, name, ": the box reaches to voxel ", value, ", at most ", kBoxReach);
  return static_cast<std::int32_t>(value);
}

Int3 per_axis(const char* name, const std::vector<int>& values) {
  if (values.size() == 1) return {values[0], values[0], values[0]};
  if (values.size() != 3) fail(Code::invalid_argument, name, ": ", values.size(), " values, must be 1 or 3");
  return {values[0], values[1], values[2]};
}

Geometry cropped(const Geometry& geometry, const Box& box) {
  Geometry result{box.size(), geometry.affine};
  const Vec3 origin = apply(geometry.affine, {double(box.start[0]), double(box.start[1]), double(box.start[2])});
  for (int row = 0; row < 3; ++row) result.affine[row][3] = origin[row];
  return result;
}

std::array<BoxAxis, 3> box_axes(const Box& box, const Int3& size) {
  std::array<BoxAxis, 3> axes{};
  for (std::size_t a = 0; a < 3; ++a) {
    const std::int32_t start = box.start[a], end = box.end[a];
    if (start > end || start < -kBoxReach || end > kBoxReach)
      fail(Code::invalid_argument, "box: from ", start, " to ", end, " along axis ", a, ", at most ", kBoxReach,
           " from 0");
    const std::int32_t first = std::clamp(start, 0, size[a]), last = std::clamp(end, 0, size[a]);
    // A box that lies beside the image is all padding before.
    axes[a] = {first == last ? end - start : first - start, last - first, first, end - start};
  }
  return axes;
}

namespace {

Box padded_to(const Int3& size, const std::array<std::int64_t, 3>& wanted, bool at_end, const char* name) {
  Box box;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::int64_t width = std::max<std::int64_t>(wanted[axis] - size[axis], 0);
    const std::int64_t before = at_end ? 0 : width / 2;
    box.start[axis] = within_reach(-before, name);
    box.end[axis] = within_reach(size[axis] + width - before, name);
  }
  return box;
}

}  // namespace

Box padded_box(const Int3& size, const SpatialPad& params) {
  const Int3 wanted = per_axis("spatial_size", params.spatial_size);
  return padded_to(size, {wanted[0], wanted[1], wanted[2]}, params.at_end, "spatial_size");
}

Box padded_box(const Int3& size, const DivisiblePad& params) {
  const Int3 k = per_axis("k", params.k);
  std::array<std::int64_t, 3> wanted{};
  for (std::size_t axis = 0; axis < 3; ++axis)
    if (k[axis] > 0) wanted[axis] = (std::int64_t{size[axis]} + k[axis] - 1) / k[axis] * k[axis];
  return padded_to(size, wanted, params.at_end, "k");
}

Box padded_box(const Int3& size, const BorderPad& params) {
  const std::vector<int>& border = params.spatial_border;
  const std::size_t n = border.size();
  if (n != 1 && n != 3 && n != 6) fail(Code::invalid_argument, "spatial_border: ", n, " values, must be 1, 3 or 6");
  Box box;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::int64_t before = std::max(0, border[n == 1 ? 0 : n == 3 ? axis : 2 * axis]);
    const std::int64_t after = std::max(0, border[n == 1 ? 0 : n == 3 ? axis : 2 * axis + 1]);
    box.start[axis] = within_reach(-before, "spatial_border");
    box.end[axis] = within_reach(size[axis] + after, "spatial_border");
  }
  return box;
}

}  // namespace voxd
