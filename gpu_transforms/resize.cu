#include <algorithm>
#include <cmath>

#include "gpu_transforms/axis_table.h"
#include "gpu_transforms/gaussian_smooth.h"
#include "gpu_transforms/parallel.h"
#include "gpu_transforms/prepared_resampling.h"
#include "gpu_transforms/resize_area.h"
#include "gpu_transforms/resized_planes.h"
#include "gpu_transforms/spatial.h"

namespace voxd {
namespace {

/// Interpolated along z, then y, then x: torch's order, which decides the last bit.
struct Trilinear {
  const float* in;
  float* out;
  std::int32_t in_y, in_z, out_x, out_y, out_z;
  std::int64_t in_channel;
  LinearAxis x, y, z;

  struct Row {
    const float *in00, *in01, *in10, *in11;  // lower or upper row along x, then y
    float* out;
    float weight_x, weight_y;
    LinearAxis z;
    VOXD_HD void operator()(std::int32_t i) const {
      const std::int32_t lower = z.lower[i], upper = z.upper[i];
      const float w = z.weight[i];
      const float x0 =
          interpolate(interpolate(in00[lower], in00[upper], w), interpolate(in01[lower], in01[upper], w), weight_y);
      const float x1 =
          interpolate(interpolate(in10[lower], in10[upper], w), interpolate(in11[lower], in11[upper], w), weight_y);
      out[i] = interpolate(x0, x1, weight_x);
    }
  };
  VOXD_HD Row row(std::int64_t r) const {
    const std::int64_t oy = r % out_y, ox = r / out_y % out_x;
    const float* volume = in + r / out_y / out_x * in_channel;
    const float *lower = volume + std::int64_t{x.lower[ox]} * in_y * in_z,
                *upper = volume + std::int64_t{x.upper[ox]} * in_y * in_z;
    const std::int64_t y0 = std::int64_t{y.lower[oy]} * in_z, y1 = std::int64_t{y.upper[oy]} * in_z;
    return {lower + y0, lower + y1, upper + y0, upper + y1, out + r * out_z, x.weight[ox], y.weight[oy], z};
  }
};

/// From plane `first` on of a result of size `whole`.
void resize_trilinear(const DeviceVolume& volume, bool align_corners, const Int3& whole, std::int32_t first,
                      DeviceVolume& result, Workspace& workspace) {
  const Int3 in = volume.size(), out = result.size();
  const auto x = make_linear_axis(in[0], whole[0], align_corners, workspace),
             y = make_linear_axis(in[1], out[1], align_corners, workspace),
             z = make_linear_axis(in[2], out[2], align_corners, workspace);
  parallel::for_each_row(workspace.stream(), std::int64_t{result.channels()} * out[0] * out[1], out[2],
                         Trilinear{volume.data<float>(),
                                   result.mutable_data<float>(),
                                   in[1],
                                   in[2],
                                   out[0],
                                   out[1],
                                   out[2],
                                   volume.geometry().voxels(),
                                   {x.axis.lower + first, x.axis.upper + first, x.axis.weight + first},
                                   y.axis,
                                   z.axis});
}

DeviceVolume nearest_planes(const DeviceVolume& volume, bool exact, const Int3& whole, std::int32_t first,
                            const Geometry& planes, Workspace& workspace) {
  const Int3 in = volume.size();
  const auto x = make_nearest_axis(in[0], whole[0], exact, workspace),
             y = make_nearest_axis(in[1], whole[1], exact, workspace),
             z = make_nearest_axis(in[2], whole[2], exact, workspace);
  return sample_nearest(volume, {x.axis.index + first}, y.axis, z.axis, planes, workspace);
}

/// What MONAI gives GaussianSmooth: 0 along the axes that do not shrink; ratios in float32.
Vec3 smoothing_sigma(const Int3& in, const Int3& out, const std::vector<double>& asked) {
  if (asked.size() > 1 && asked.size() != 3)
    fail(Code::invalid_argument, "anti_aliasing_sigma: ", asked.size(), " values, must be 1 or 3");
  Vec3 sigma{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const float ratio = static_cast<float>(in[axis]) / static_cast<float>(out[axis]);
    if (!(ratio > 1)) continue;
    sigma[axis] = asked.empty() ? (ratio - 1) / 2 : asked[asked.size() == 1 ? 0 : axis];
    if (!(sigma[axis] >= 0) || std::isinf(sigma[axis]))
      fail(Code::invalid_argument, "anti_aliasing_sigma: ", sigma[axis], ", must be a finite number of 0 or more");
  }
  return sigma;
}

}  // namespace

Affine resized_affine(const Affine& affine, const Int3& in, const Int3& out, bool align_corners) {
  Affine step = identity_affine();
  for (int axis = 0; axis < 3; ++axis) {
    if (align_corners) {
      step[axis][axis] = out[axis] == 1 ? 0 : double(in[axis] - 1) / double(out[axis] - 1);
    } else {
      step[axis][axis] = double(in[axis]) / double(out[axis]);
      step[axis][3] = (step[axis][axis] - 1) / 2;
    }
  }
  return affine * step;
}

Interpolation interpolation_of(const std::string& mode) {
  for (const Interpolation known :
       {Interpolation::area, Interpolation::trilinear, Interpolation::nearest, Interpolation::nearest_exact})
    if (mode == name_of(known)) return known;
  fail(Code::unimplemented, "mode: \"", mode, "\", must be area, trilinear, nearest or nearest-exact");
}

std::string_view name_of(Interpolation mode) {
  switch (mode) {
    case Interpolation::area: return "area";
    case Interpolation::trilinear: return "trilinear";
    case Interpolation::nearest: return "nearest";
    case Interpolation::nearest_exact: return "nearest-exact";
  }
  return "?";
}

Int3 resized(const Int3& size, const Resize& params) {
  const std::vector<int>& wanted = params.spatial_size;
  if (params.longest) {
    if (wanted.size() != 1 || wanted[0] < 1)
      fail(Code::invalid_argument, "spatial_size: one number of 1 or more with size_mode \"longest\"");
    const double scale = wanted[0] / double(std::max({size[0], size[1], size[2], 1}));
    Int3 result;
    for (int axis = 0; axis < 3; ++axis) result[axis] = static_cast<std::int32_t>(std::nearbyint(size[axis] * scale));
    return result;
  }
  if (wanted.size() != 1 && wanted.size() != 3)
    fail(Code::invalid_argument, "spatial_size: ", wanted.size(), " numbers, must be 1 or 3");
  Int3 result;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const int n = wanted[wanted.size() == 1 ? 0 : axis];
    result[axis] = n > 0 ? n : size[axis];
  }
  return result;
}

bool smooths(const Int3& size, const Resize& params) {
  const Int3 out = resized(size, params);
  return params.anti_aliasing && (out[0] < size[0] || out[1] < size[1] || out[2] < size[2]);
}

Geometry resized(const Geometry& geometry, const Resize& params) {
  const Int3 out = resized(geometry.size, params);
  if (out == geometry.size) return geometry;
  return {out, resized_affine(geometry.affine, geometry.size, out, params.align_corners)};
}

DeviceVolume resize(const DeviceVolume& volume, const Resize& params, Workspace& workspace) {
  const Int3 out = resized(volume.size(), params);
  if (volume.empty() || out[0] == 0 || out[1] == 0 || out[2] == 0)
    fail(Code::invalid_argument, "Resize: cannot resize ", volume.channels(), " x ", to_string(volume.size()),
         " voxels to ", to_string(out), ": there is nothing in it");
  DeviceVolume source = to_float32(volume, workspace);
  if (out == volume.size()) return source;
  if (smooths(volume.size(), params))
    source = gaussian_smooth(source, smoothing_sigma(volume.size(), out, params.anti_aliasing_sigma), workspace);
  return resized_planes(source, params, 0, out[0], workspace);
}

DeviceVolume resized_planes(const DeviceVolume& volume, const Resize& params, std::int32_t begin, std::int32_t end,
                            Workspace& workspace) {
  Geometry geometry = resized(volume.geometry(), params);
  const Int3 whole = geometry.size;
  geometry.size[0] = end - begin;
  if (params.mode == Interpolation::nearest || params.mode == Interpolation::nearest_exact)
    return nearest_planes(volume, params.mode == Interpolation::nearest_exact, whole, begin, geometry, workspace);
  DeviceVolume result(DType::f32, volume.channels(), geometry, workspace);
  if (params.mode == Interpolation::area)
    resize_area(volume, whole, begin, result, workspace);
  else
    resize_trilinear(volume, params.align_corners, whole, begin, result, workspace);
  return result;
}

}  // namespace voxd
