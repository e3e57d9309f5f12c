#pragma once

#include <memory>
#include <vector>

#include "gpu_transforms/axis_table.h"
#include "gpu_transforms/grid_map.h"

// Interpolation by a table per axis, in the order that touches the fewest values: what shrinks first, what grows last.
//   z last:  per row of the result, four rows of the source are blended to one along x and y, in scratch memory, and
//   then
//            interpolated along z from there: no gather touches the source.
//   z first: each row of the source is interpolated along z once, into a ring of planes that stays in the cache. From
//            there the result is blended along x and y, a block of rows at a time that shares the rows blended along x,
//            and side by side in memory.
// The order decides the last bit, so it depends on the two sizes alone.
namespace voxd {

inline constexpr std::size_t kTapBytes = 2 * sizeof(std::int32_t) + 2 * sizeof(double);

/// The tables on the device, and what the host must know of them.
struct LinearAxes {
  std::vector<std::shared_ptr<std::byte>> memory;
  TapAxis x, y, z;
  Int3 in, out;
  bool z_first;
  struct Planes {
    std::int32_t low, high;
  };
  std::vector<Planes> reach_x, reach_y;  ///< of each index of the result: the voxels of the source that it reads
};

/// Whether z comes first between grids of these sizes.
bool z_comes_first(const Int3& in, const Int3& out);

/// Tables for a map that is a diagonal.
LinearAxes make_linear_axes(const GridMap& map, Workspace& workspace);

/// A part of the result: planes begin..end-1. Of the source planes that it needs, `fresh` ones from `first` on are not
/// in the ring yet.
struct Slab {
  std::int32_t begin, end;
  std::int32_t first, fresh;
};

/// The result in slabs, and the ring of source planes, interpolated along z, that they are made from: [channels,
/// planes, in y, out z] float64, plane p of the source in place p % planes. A slab overwrites what the next ones do not
/// need. The ring has kRingBytes, or as much as a single plane of the result needs.
struct SlabPlan {
  std::int32_t planes;
  std::vector<Slab> slabs;
};
inline constexpr std::int64_t kRingBytes = std::int64_t{8} << 20;
SlabPlan plan_slabs(const LinearAxes& axes, std::int32_t channels);

/// Fills the fresh places of the ring. Row r of channel, plane, y.
template <class T>
struct InterpolateZ {
  const T* in;
  double* out;
  std::int32_t in_y, in_z, out_z;
  std::int32_t first, fresh, planes;
  std::int64_t in_channel;
  TapAxis z;

  struct Row {
    const T* in;
    double* out;
    TapAxis z;
    VOXD_HD void operator()(std::int32_t i) const { out[i] = z.of(in, i); }
  };
  VOXD_HD Row row(std::int64_t r) const {
    const std::int64_t y = r % in_y, plane = first + r / in_y % fresh, channel = r / in_y / fresh;
    return {in + channel * in_channel + (plane * in_y + y) * in_z,
            out + ((channel * planes + plane % planes) * in_y + y) * out_z, z};
  }
};

template <class T>
InterpolateZ<T> interpolate_z(const LinearAxes& axes, const SlabPlan& plan, const Slab& slab, const T* in,
                              double* ring) {
  return {in,         ring,        axes.in[1],
          axes.in[2], axes.out[2], slab.first,
          slab.fresh, plan.planes, std::int64_t{axes.in[0]} * axes.in[1] * axes.in[2],
          axes.z};
}

/// How many rows of the result are made from how many rows of a plane.
struct BlendBlock {
  std::int32_t rows, span;

  /// The most of both for which a float64 per z of the plane's rows and `row_bytes` per z of the result's take no more
  /// scratch memory than a GPU's block surely has. One row fits always.
  static BlendBlock of(const LinearAxes& axes, std::int64_t row_bytes);
  std::size_t ring_bytes(std::int32_t nz) const {
    return sizeof(double) * static_cast<std::size_t>(span) * static_cast<std::size_t>(nz);
  }
};

/// Blends rows of the ring.
struct BlendRing {
  const double* ring;
  std::int32_t planes, in_y, out_y, nz;
  BlendBlock block;
  TapAxis x, y;

  VOXD_HD std::int64_t blocks_per_plane() const { return (out_y + block.rows - 1) / block.rows; }
  VOXD_HD std::int32_t rows_from(std::int32_t oy) const { return out_y - oy < block.rows ? out_y - oy : block.rows; }

  /// For result plane ox and a block of rows from oy on: the rows of the ring that they need, blended along x, to
  /// `scratch`; then row_done(i, z, value) for each row oy + i. No sync: a lane meets the same z in every pass.
  template <class Team, class RowDone>
  VOXD_HD void run(const Team& team, double* scratch, std::int64_t channel, std::int32_t ox, std::int32_t oy,
                   RowDone row_done) const {
    const std::int32_t rows = rows_from(oy), n = nz;
    std::int32_t low = in_y, high = 0;
    for (std::int32_t i = oy; i < oy + rows; ++i) {
      low = y.lower[i] < low ? y.lower[i] : low;
      high = y.upper[i] > high ? y.upper[i] : high;
    }
    const std::int64_t plane = std::int64_t{in_y} * n;
    const double* source = ring + channel * planes * plane + std::int64_t{low} * n;
    const double *lower = source + x.lower[ox] % planes * plane, *upper = source + x.upper[ox] % planes * plane;
    const double x_lower = x.lower_weight[ox], x_upper = x.upper_weight[ox];
    for (std::int32_t row = 0; row <= high - low; ++row) {
      const std::int32_t at = row * n;
      team.each(
          n, [=](std::int32_t z) { scratch[at + z] = interpolated(lower[at + z], x_lower, upper[at + z], x_upper); });
    }
    for (std::int32_t i = 0; i < rows; ++i) {
      const double *y0 = scratch + (y.lower[oy + i] - low) * n, *y1 = scratch + (y.upper[oy + i] - low) * n;
      const double y_lower = y.lower_weight[oy + i], y_upper = y.upper_weight[oy + i];
      team.each(
          n, [=](std::int32_t z) { row_done(i, z, static_cast<float>(interpolated(y0[z], y_lower, y1[z], y_upper))); });
    }
  }
};

/// What of a run is the same whatever is done with the blended rows: slab after slab the ring is filled, then
/// blend(ring, slab) enqueues the slab's rows. Their blocks leave `row_bytes` per z of the result's rows in the scratch
/// memory. Takes the ring from the workspace.
template <class T, class Blend>
void for_each_slab(const LinearAxes& axes, const T* in, std::int32_t channels, std::int64_t row_bytes,
                   Workspace& workspace, Blend blend) {
  const SlabPlan plan = plan_slabs(axes, channels);
  const std::int64_t ny = axes.in[1];
  const std::int32_t nz = axes.out[2];
  const auto ring = workspace.allocate_array<double>(channels * plan.planes * ny * nz);
  const BlendRing rows{ring.get(), plan.planes, axes.in[1], axes.out[1], nz, BlendBlock::of(axes, row_bytes),
                       axes.x,     axes.y};
  for (const Slab& slab : plan.slabs) {
    parallel::for_each_row(workspace.stream(), channels * slab.fresh * ny, nz,
                           interpolate_z(axes, plan, slab, in, ring.get()));
    blend(rows, slab);
  }
}

/// Four rows that a row of the result lies between, lower or upper along x, then y, and their weights.
template <class T>
struct FourRows {
  const T *in00, *in01, *in10, *in11;
  double x_lower, x_upper, y_lower, y_upper;

  /// The same rows `offset` values further on: of another channel.
  VOXD_HD FourRows moved(std::int64_t offset) const {
    return {in00 + offset, in01 + offset, in10 + offset, in11 + offset, x_lower, x_upper, y_lower, y_upper};
  }
  VOXD_HD double blended(std::int32_t z) const {
    const auto along_y = [&](const T* lower, const T* upper) {
      return interpolated(static_cast<double>(lower[z]), y_lower, static_cast<double>(upper[z]), y_upper);
    };
    return interpolated(along_y(in00, in01), x_lower, along_y(in10, in11), x_upper);
  }
};

/// A volume's channel of which rows are blended.
template <class T>
struct BlendFrom {
  const T* in;
  std::int32_t ny, nz;
  TapAxis x, y;

  VOXD_HD FourRows<T> at(std::int32_t ox, std::int32_t oy) const {
    const std::int64_t plane = std::int64_t{ny} * nz;
    const T *lower = in + x.lower[ox] * plane, *upper = in + x.upper[ox] * plane;
    const std::int64_t y0 = std::int64_t{y.lower[oy]} * nz, y1 = std::int64_t{y.upper[oy]} * nz;
    return {lower + y0,         lower + y1,         upper + y0,         upper + y1,
            x.lower_weight[ox], x.upper_weight[ox], y.lower_weight[oy], y.upper_weight[oy]};
  }
};

}  // namespace voxd
