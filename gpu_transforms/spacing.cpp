#include "gpu_transforms/spacing.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gpu_transforms/spatial.h"
#include "gpu_transforms/volume/checked.h"

namespace voxd {
namespace {

constexpr double kTolerance = 1e-3;  // mm; MONAI's AFFINE_TOL

using Matrix3 = std::array<std::array<double, 3>, 3>;

Matrix3 linear_part(const Affine& affine) {
  Matrix3 m;
  for (std::size_t row = 0; row < 3; ++row)
    for (std::size_t column = 0; column < 3; ++column) m[row][column] = affine[row][column];
  return m;
}

/// Spacing along each axis; what has no length counts as 1.
Vec3 lengths(const Affine& affine) {
  Vec3 spacing = spacing_mm(affine);
  for (double& length : spacing)
    if (length == 0) length = 1;
  return spacing;
}

// Whether a size that comes out at half a voxel is rounded up or down hangs on the last bit. So what follows does its
// operations in the order in which numpy's LAPACK (OpenBLAS on a CPU with fused multiply-add) does them: products of
// matrices add by fused multiply-add, pivots divide by their reciprocal, eliminations neither fuse nor pair. Sizes and
// affines are then MONAI's bit for bit.

template <std::size_t n, std::size_t m, std::size_t k>
std::array<std::array<double, m>, n> product(const std::array<std::array<double, k>, n>& a,
                                             const std::array<std::array<double, m>, k>& b) {
  std::array<std::array<double, m>, n> result;
  for (std::size_t row = 0; row < n; ++row)
    for (std::size_t column = 0; column < m; ++column) {
      double sum = a[row][0] * b[0][column];
      for (std::size_t i = 1; i < k; ++i) sum = std::fma(a[row][i], b[i][column], sum);
      result[row][column] = sum;
    }
  return result;
}

Matrix3 transposed(const Matrix3& m) {
  Matrix3 result;
  for (std::size_t row = 0; row < 3; ++row)
    for (std::size_t column = 0; column < 3; ++column) result[column][row] = m[row][column];
  return result;
}

/// Upper triangle U with U^T U = m^T m: zoom and shear.
Matrix3 zoom_and_shear(const Matrix3& m) {
  const Matrix3 gram = product(transposed(m), m);
  Matrix3 u{};
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = i; j < 3; ++j) {
      double rest = gram[j][i];
      for (std::size_t k = 0; k < i; ++k) rest -= u[k][i] * u[k][j];
      u[i][j] = i == j ? std::sqrt(rest) : rest * (1 / u[i][i]);
    }
  return u;
}

Matrix3 inverse_of_upper(const Matrix3& u) {
  Matrix3 inv{};
  for (std::size_t column = 0; column < 3; ++column)
    for (std::size_t row = column + 1; row-- > 0;) {
      double rest = row == column ? 1 : 0;
      for (std::size_t k = row + 1; k <= column; ++k) rest -= u[row][k] * inv[k][column];
      inv[row][column] = rest * (1 / u[row][row]);
    }
  return inv;
}

/// The solution X of a X = b: a is split into triangles column by column, with row pivots.
Affine solved(Affine a, Affine b) {
  for (std::size_t column = 0; column < 4; ++column) {
    for (std::size_t row = 1; row < 4; ++row) {
      const std::size_t known = std::min(row, column);
      double sum = 0;
      for (std::size_t k = 0; k < known; ++k) sum += a[row][k] * a[k][column];
      a[row][column] -= sum;
    }
    std::size_t pivot = column;
    for (std::size_t row = column + 1; row < 4; ++row)
      if (std::abs(a[row][column]) > std::abs(a[pivot][column])) pivot = row;
    std::swap(a[column], a[pivot]);
    std::swap(b[column], b[pivot]);
    for (std::size_t row = column + 1; row < 4; ++row) a[row][column] *= 1 / a[column][column];
  }
  for (std::size_t column = 0; column < 4; ++column) {
    for (std::size_t row = 1; row < 4; ++row)
      for (std::size_t k = 0; k < row; ++k) b[row][column] -= a[row][k] * b[k][column];
    for (std::size_t row = 4; row-- > 0;) {
      for (std::size_t k = 3; k > row; --k) b[row][column] -= a[row][k] * b[k][column];
      b[row][column] *= 1 / a[row][row];
    }
  }
  return b;
}

/// Affine times point.
Vec3 mapped(const Affine& affine, const Vec3& point) {
  const std::array<std::array<double, 1>, 4> column = {{{point[0]}, {point[1]}, {point[2]}, {1.0}}};
  const auto result = product(affine, column);
  return {result[0][0], result[1][0], result[2][0]};
}

void require_finite(const std::vector<double>& values, const char* name) {
  for (const double value : values)
    if (!std::isfinite(value)) fail(Code::invalid_argument, name, ": ", value, ", must be a finite number");
}

/// The spacing that each axis is to have.
Vec3 wanted_spacing(const Affine& affine, const Spacing& params) {
  const Vec3 now = lengths(affine);
  Vec3 wanted;
  for (std::size_t a = 0; a < 3; ++a) {
    const double target = params.pixdim[std::min(a, params.pixdim.size() - 1)];
    const double low = a < params.min_pixdim.size() ? std::min(params.min_pixdim[a], target) : target;
    const double high = a < params.max_pixdim.size() ? std::max(params.max_pixdim[a], target) : target;
    const bool kept = low - kTolerance <= now[a] && now[a] <= high + kTolerance;
    wanted[a] = kept || !(target > 0) ? now[a] : target;
  }
  return wanted;
}

/// The affine's rotation with these column lengths, and no origin.
Affine zoomed(const Affine& affine, const Vec3& spacing, bool diagonal) {
  Affine result = identity_affine();
  if (diagonal) {
    for (std::size_t a = 0; a < 3; ++a) result[a][a] = spacing[a];
    return result;
  }
  const Matrix3 m = linear_part(affine);
  const Matrix3 rotation = product(m, inverse_of_upper(zoom_and_shear(m)));
  for (std::size_t row = 0; row < 3; ++row)
    for (std::size_t column = 0; column < 3; ++column) result[row][column] = rotation[row][column] * spacing[column];
  return result;
}

/// The corners of a grid: the centres of its outermost voxels, or their outer edges.
std::array<Vec3, 8> corners_of(const Int3& size, bool edges) {
  std::array<Vec3, 8> corners;
  for (std::size_t i = 0; i < 8; ++i)
    for (std::size_t a = 0; a < 3; ++a) {
      const bool far = (i >> (2 - a) & 1) != 0;  // the last axis varies fastest
      corners[i][a] = edges ? (far ? size[a] - 0.5 : -0.5) : (far ? size[a] - 1.0 : 0.0);
    }
  return corners;
}

Int3 size_around(const std::array<Vec3, 8>& corners, bool edges) {
  Int3 size;
  for (std::size_t a = 0; a < 3; ++a) {
    double low = corners[0][a], high = low;
    for (const Vec3& corner : corners) {
      low = std::min(low, corner[a]);
      high = std::max(high, corner[a]);
    }
    const double n = std::nearbyint(edges ? high - low : high - low + 1.0);
    if (!(n >= 1 && n <= std::numeric_limits<std::int32_t>::max()))
      fail(Code::invalid_argument, "pixdim: the grid would have ", n, " voxels along axis ", a, ", must be 1 to ",
           std::numeric_limits<std::int32_t>::max());
    size[a] = static_cast<std::int32_t>(n);
  }
  checked_product({size[0], size[1], size[2], 8}, "pixdim");
  return size;
}

/// The corner that comes first along every axis; 8 if there is none.
std::size_t first_corner(const std::array<Vec3, 8>& corners) {
  for (std::size_t i = 0; i < 8; ++i) {
    bool first = true;
    for (const Vec3& other : corners)
      for (std::size_t a = 0; a < 3; ++a) first = first && other[a] - corners[i][a] >= -1e-8;
    if (first) return i;
  }
  return 8;
}

/// MONAI's compute_shape_offset: the size, and the origin of `zoom`, a grid without one, so that it covers the source.
Geometry placed(const Geometry& from, const Affine& zoom, bool scale_extent) {
  const Affine to_new = solved(zoom, from.affine);
  const std::array<Vec3, 8> corners = corners_of(from.size, scale_extent);
  std::array<Vec3, 8> in_new;
  std::transform(corners.begin(), corners.end(), in_new.begin(), [&](const Vec3& c) { return mapped(to_new, c); });
  Geometry result{size_around(in_new, scale_extent), zoom};
  Vec3 origin;
  if (const std::size_t first = first_corner(in_new); first < 8) {
    origin = mapped(from.affine, corners[first]);
  } else {
    const Vec3 middle = mapped(from.affine, {from.size[0] / 2.0, from.size[1] / 2.0, from.size[2] / 2.0});
    const Vec3 new_middle = mapped(zoom, {result.size[0] / 2.0, result.size[1] / 2.0, result.size[2] / 2.0});
    for (std::size_t a = 0; a < 3; ++a) origin[a] = middle[a] - new_middle[a];
  }
  if (scale_extent) {
    Vec3 shift;
    for (std::size_t a = 0; a < 3; ++a) shift[a] = 0.5 * (from.size[a] / double(result.size[a]) - 1.0);
    const Vec3 shifted = mapped(from.affine, shift);
    for (std::size_t a = 0; a < 3; ++a) origin[a] = std::abs(shifted[a]) * (origin[a] > 0 ? 1 : origin[a] < 0 ? -1 : 0);
  }
  for (std::size_t row = 0; row < 3; ++row) result.affine[row][3] = origin[row];
  return result;
}

/// Where the values are sampled, before MONAI decides whether that is worth it.
Geometry target_of(const Geometry& geometry, const Spacing& params, const std::optional<Int3>& size) {
  check_spacing(params);
  for (std::size_t a = 0; a < 3; ++a)
    if (geometry.size[a] < 1)
      fail(Code::invalid_argument, "Spacing: the volume has ", to_string(geometry.size), " voxels: nothing in it");
  inverse(geometry.affine);  // refuses what has no inverse
  const Affine zoom = zoomed(geometry.affine, wanted_spacing(geometry.affine, params), params.diagonal);
  Geometry target = placed(geometry, zoom, params.scale_extent);
  if (size) target.size = *size;
  return target;
}

Affine final_affine(const Geometry& from, const Geometry& to, const Spacing& params) {
  if (!params.recompute_affine) return to.affine;
  return resized_affine(identity_affine(), from.size, to.size, params.resampling.align_corners);
}

}  // namespace

void check_spacing(const Spacing& params) {
  if (params.pixdim.empty()) fail(Code::invalid_argument, "pixdim: no number, at least 1");
  require_finite(params.pixdim, "pixdim");
  require_finite(params.min_pixdim, "min_pixdim");
  require_finite(params.max_pixdim, "max_pixdim");
  for (std::size_t a = 0; a < std::min(params.min_pixdim.size(), params.max_pixdim.size()); ++a)
    if (params.min_pixdim[a] < 0 || params.max_pixdim[a] < params.min_pixdim[a])
      fail(Code::invalid_argument, "min_pixdim[", a, "]: ", params.min_pixdim[a],
           ", must be 0 or more and at most max_pixdim (", params.max_pixdim[a], ")");
}

Geometry spaced(const Geometry& geometry, const Spacing& params, const std::optional<Int3>& size) {
  const Geometry target = target_of(geometry, params, size);
  const Geometry sampled = same_grid(geometry, target) ? geometry : target;
  return {sampled.size, final_affine(geometry, sampled, params)};
}

DeviceVolume spacing(const DeviceVolume& volume, const Spacing& params, Workspace& workspace,
                     const std::optional<Int3>& size) {
  const Geometry target = target_of(volume.geometry(), params, size);
  const DeviceVolume result = resample(volume, target, params.resampling, workspace);
  return result.with_affine(final_affine(volume.geometry(), result.geometry(), params));
}

}  // namespace voxd
