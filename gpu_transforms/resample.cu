#include "gpu_transforms/resample.h"

#include <algorithm>
#include <cmath>

#include "gpu_transforms/axis_moves.h"
#include "gpu_transforms/linear_axes.h"
#include "gpu_transforms/prepared_resampling.h"

namespace voxd {
namespace {

/// numpy.allclose of one value, with MONAI's tolerance for affines.
bool close(double a, double b) { return std::abs(a - b) <= 1e-3 + 1e-5 * std::abs(b); }

bool close(const Affine& a, const Affine& b) {
  for (std::size_t row = 0; row < 4; ++row)
    for (std::size_t column = 0; column < 4; ++column)
      if (!close(a[row][column], b[row][column])) return false;
  return true;
}

/// Index of `to` to index of `from`. The origins are subtracted before they are multiplied: they are large.
Affine index_map(const Affine& from, const Affine& to) {
  const Affine inv = inverse(from);
  Affine map = identity_affine();
  for (std::size_t row = 0; row < 3; ++row)
    for (std::size_t column = 0; column < 4; ++column) {
      double sum = 0;
      for (std::size_t k = 0; k < 3; ++k) sum += inv[row][k] * (column == 3 ? to[k][3] - from[k][3] : to[k][column]);
      map[row][column] = sum;
    }
  return map;
}

GridMap grid_map(const Geometry& from, const Geometry& to, const Resampling& how) {
  const Affine steps = index_map(from.affine, to.affine);
  GridMap map{};
  map.outside = how.outside;
  map.align_corners = how.align_corners;
  for (int a = 0; a < 3; ++a) {
    map.in[a] = from.size[a];
    map.out[a] = to.size[a];
    map.at[a] = steps[a][3];
    for (int b = 0; b < 3; ++b) map.step[a][b] = steps[a][b];
  }
  if (!how.align_corners) return map;
  // In torch's coordinates, -1 to 1 between the outermost centres, a single voxel of the target lies at 0, which is its
  // index 0.5, and all coordinates are the one voxel of a source axis.
  for (int b = 0; b < 3; ++b)
    if (map.out[b] == 1)
      for (int a = 0; a < 3; ++a) map.at[a] += 0.5 * map.step[a][b];
  for (int a = 0; a < 3; ++a)
    if (map.in[a] == 1) {
      map.at[a] = 0;
      for (double& step : map.step[a]) step = 0;
    }
  return map;
}

/// The most by which a position may be off where a map is taken for a diagonal: rounding, and no more.
constexpr double kNoise = 1e-9;

/// Whether source axis from[b] follows index b alone.
bool follows(const GridMap& map, const std::array<int, 3>& from) {
  for (int b = 0; b < 3; ++b) {
    double others = 0;
    for (int c = 0; c < 3; ++c)
      if (c != b) others += std::abs(map.step[from[b]][c]) * (map.out[c] - 1);
    if (!(others <= kNoise)) return false;
  }
  return true;
}

/// The order of the source's axes in which the map is a diagonal.
std::optional<std::array<int, 3>> diagonal_order(const GridMap& map) {
  std::array<int, 3> from = {0, 1, 2};
  do {
    if (follows(map, from)) return from;
  } while (std::next_permutation(from.begin(), from.end()));
  return std::nullopt;
}

GridMap permuted(const GridMap& map, const std::array<int, 3>& from) {
  GridMap result = map;
  for (int a = 0; a < 3; ++a) {
    result.in[a] = map.in[from[a]];
    result.at[a] = map.at[from[a]];
    for (int b = 0; b < 3; ++b) result.step[a][b] = map.step[from[a]][b];
  }
  return result;
}

/// What the kernels read; other types become float32 first.
DeviceVolume readable(const DeviceVolume& volume, GridMode mode, Workspace& workspace) {
  const DType type = volume.dtype();
  const bool labels = mode == GridMode::nearest && type == DType::u16;
  return type == DType::u8 || type == DType::i16 || labels ? volume : to_float32(volume, workspace);
}

void refuse_nothing(const Geometry& from, const Geometry& to) {
  for (const Geometry* geometry : {&from, &to})
    for (const std::int32_t n : geometry->size)
      if (n < 1)
        fail(Code::invalid_argument, "resampling from ", to_string(from.size), " to ", to_string(to.size),
             " voxels: there is nothing in it");
}

}  // namespace

GridMode grid_mode_of(const std::string& mode) {
  for (const GridMode known : {GridMode::bilinear, GridMode::nearest})
    if (mode == name_of(known)) return known;
  fail(Code::unimplemented, "mode: \"", mode, "\", must be bilinear or nearest");
}

Outside outside_of(const std::string& padding_mode) {
  for (const Outside known : {Outside::border, Outside::zeros, Outside::reflection})
    if (padding_mode == name_of(known)) return known;
  fail(Code::unimplemented, "padding_mode: \"", padding_mode, "\", must be border, zeros or reflection");
}

std::string_view name_of(GridMode mode) { return mode == GridMode::bilinear ? "bilinear" : "nearest"; }

std::string_view name_of(Outside outside) {
  switch (outside) {
    case Outside::border: return "border";
    case Outside::zeros: return "zeros";
    case Outside::reflection: return "reflection";
  }
  return "?";
}

bool same_grid(const Geometry& from, const Geometry& to) {
  return from.size == to.size &&
         (close(from.affine, to.affine) || close(index_map(from.affine, to.affine), identity_affine()));
}

bool turns_axes(const Geometry& from, const Geometry& to) {
  const auto order = diagonal_order(grid_map(from, to, {}));
  return order && *order != std::array<int, 3>{0, 1, 2};
}

std::optional<PreparedResampling> prepare_resampling(const DeviceVolume& volume, const Geometry& target,
                                                     const Resampling& how, Workspace& workspace) {
  if (volume.channels() < 1) fail(Code::invalid_argument, "resampling: a volume without channels");
  refuse_nothing(volume.geometry(), target);
  if (same_grid(volume.geometry(), target)) return std::nullopt;
  PreparedResampling prepared{volume, grid_map(volume.geometry(), target, how), how, false,
                              volume.geometry().voxels() >= std::int64_t{1} << 31};
  if (const auto order = diagonal_order(prepared.map)) {
    prepared.separable = true;
    prepared.map = permuted(prepared.map, *order);
    prepared.source = move_axes(volume, {*order, {false, false, false}}, workspace);
  }
  prepared.source = readable(prepared.source, how.mode, workspace);
  const GridMap& map = prepared.map;
  prepared.map.z_first = z_comes_first({map.in[0], map.in[1], map.in[2]}, {map.out[0], map.out[1], map.out[2]});
  return prepared;
}

PreparedResampling planes_of(PreparedResampling prepared, std::int32_t begin, std::int32_t end) {
  prepared.map.first_x = begin;
  prepared.map.out[0] = end - begin;
  return prepared;
}

DeviceVolume sample(const PreparedResampling& prepared, const Affine& affine, bool keep_type, Workspace& workspace) {
  const GridMap& map = prepared.map;
  const DType type = keep_type ? prepared.source.dtype() : DType::f32;
  DeviceVolume result(type, prepared.source.channels(), {{map.out[0], map.out[1], map.out[2]}, affine}, workspace);
  if (prepared.how.mode == GridMode::bilinear)
    prepared.separable ? sample_linear_axes(prepared, result, workspace)
                       : sample_linear_oblique(prepared, result, workspace);
  else
    prepared.separable ? sample_nearest_axes(prepared, result, workspace)
                       : sample_nearest_oblique(prepared, result, workspace);
  if (prepared.separable && map.outside == Outside::zeros) clear_outside(map, prepared.how.mode, result, workspace);
  return result;
}

DeviceVolume resample(const DeviceVolume& volume, const Geometry& target, const Resampling& how, Workspace& workspace) {
  const std::optional<PreparedResampling> prepared = prepare_resampling(volume, target, how, workspace);
  if (!prepared) return to_float32(volume, workspace);
  // uint16 is read as it is for labels only.
  if (prepared->source.dtype() != DType::u16) return sample(*prepared, target.affine, false, workspace);
  PreparedResampling as_float = *prepared;
  as_float.source = to_float32(prepared->source, workspace);
  return sample(as_float, target.affine, false, workspace);
}

}  // namespace voxd
