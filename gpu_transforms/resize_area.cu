#include "gpu_transforms/area_rows.h"
#include "gpu_transforms/axis_table.h"
#include "gpu_transforms/parallel.h"
#include "gpu_transforms/resize_area.h"

// The reference adds a bin's voxels in x, y, z order to one float32 and divides by the three widths. The bins of an
// axis have at most two widths, w and w + 1. Adding along z bin by bin would need gathers, so both sums that a bin may
// ask for are formed for every z of the *input* grid, where memory is contiguous: over the rows of the bin
//   narrow[z] = (... + row[z]) + ... + row[z + w - 1]        wide[z] = narrow's additions, and row[z + w] after each
//   row's
// and each bin then picks the sum of its own width. Bins wider than five voxels take the plain loop.
//
// Rows that have to be scaled first are needed by several rows of bins. A team makes a tile of such rows, so that most
// rows are scaled once; where those rows would be too many, bins are wide, neighbours share little, and rows are scaled
// one by one.
namespace voxd {
namespace {

struct Area {
  float* out;
  std::int32_t in_z, out_x, out_y, out_z;
  AreaAxis x, y, z;
};

/// Both sums over kX times kY rows at once, so that they stay in registers. kW: the lesser width along z.
template <int kX, int kY, int kW, class Team>
VOXD_HD void add_rows(const Team& team, const RowBlock& rows, std::int32_t nz, float* narrow, float* wide) {
  const float* first = rows.first;
  const std::int64_t step_x = rows.step_x, step_y = rows.step_y;
  team.each(nz - kW, [=](std::int32_t z) {
    float sum = 0, sum_wide = 0;
    for (int x = 0; x < kX; ++x)
      for (int y = 0; y < kY; ++y) {
        const float* row = first + x * step_x + y * step_y + z;
        for (int k = 0; k < kW; ++k) {
          sum += row[k];
          sum_wide += row[k];
        }
        sum_wide += row[kW];
      }
    narrow[z] = sum;
    wide[z] = sum_wide;
  });
  // Only a narrow bin fits behind the last wide one.
  team.each(1, [=](std::int32_t) {
    float sum = 0;
    for (int x = 0; x < kX; ++x)
      for (int y = 0; y < kY; ++y)
        for (int k = 0; k < kW; ++k) sum += first[x * step_x + y * step_y + nz - kW + k];
    narrow[nz - kW] = sum;
  });
}

/// The same for any number of rows, one after the other: row_of(x, y).
template <int kW, class Team, class RowOf>
VOXD_HD void add_row_by_row(const Team& team, std::int32_t nx, std::int32_t ny, RowOf row_of, std::int32_t nz,
                            float* narrow, float* wide) {
  // No sync between the passes: a lane meets the same z in each, and the first lane meets the last one.
  team.each(nz - kW, [=](std::int32_t z) { narrow[z] = wide[z] = 0; });
  team.each(1, [=](std::int32_t) { narrow[nz - kW] = 0; });
  for (std::int32_t x = 0; x < nx; ++x)
    for (std::int32_t y = 0; y < ny; ++y) {
      const float* row = row_of(x, y);
      team.each(nz - kW, [=](std::int32_t z) {
        float sum = narrow[z], sum_wide = wide[z];
        for (int k = 0; k < kW; ++k) {
          sum += row[z + k];
          sum_wide += row[z + k];
        }
        narrow[z] = sum;
        wide[z] = sum_wide + row[z + kW];
      });
      team.each(1, [=](std::int32_t) {
        float sum = narrow[nz - kW];
        for (int k = 0; k < kW; ++k) sum += row[nz - kW + k];
        narrow[nz - kW] = sum;
      });
    }
}

template <int kW, class Team>
VOXD_HD void add_rows_by_shape(const Team& team, const RowBlock& rows, std::int32_t nx, std::int32_t ny,
                               std::int32_t nz, float* narrow, float* wide) {
  if (nx > 3 || ny > 3) {
    const auto row_of = [=](std::int32_t x, std::int32_t y) { return rows.row(x, y); };
    return add_row_by_row<kW>(team, nx, ny, row_of, nz, narrow, wide);
  }
  switch (nx * 4 + ny) {
    case 5: return add_rows<1, 1, kW>(team, rows, nz, narrow, wide);
    case 6: return add_rows<1, 2, kW>(team, rows, nz, narrow, wide);
    case 7: return add_rows<1, 3, kW>(team, rows, nz, narrow, wide);
    case 9: return add_rows<2, 1, kW>(team, rows, nz, narrow, wide);
    case 10: return add_rows<2, 2, kW>(team, rows, nz, narrow, wide);
    case 11: return add_rows<2, 3, kW>(team, rows, nz, narrow, wide);
    case 13: return add_rows<3, 1, kW>(team, rows, nz, narrow, wide);
    case 14: return add_rows<3, 2, kW>(team, rows, nz, narrow, wide);
    default: return add_rows<3, 3, kW>(team, rows, nz, narrow, wide);
  }
}

/// The sums of one row of bins, each of its own width, divided.
template <int kW, class Team>
VOXD_HD void pick(const Team& team, const Area& area, std::int32_t nx, std::int32_t ny, const float* narrow,
                  float* out) {
  const float width_x = static_cast<float>(nx), width_y = static_cast<float>(ny);
  const std::int32_t *begin = area.z.begin, *width = area.z.width;
  const std::int32_t in_z = area.in_z;
  team.each(area.out_z, [=](std::int32_t z) {
    const std::int32_t w = width[z];
    out[z] = narrow[begin[z] + (w - kW) * in_z] / width_x / width_y / static_cast<float>(w);
  });
}

/// Bins of kW or kW + 1 voxels along z, `tile` times `tile` rows of them per team. Scratch: two floats per input z, and
/// what the source needs for the tile.
template <int kW, class Source>
struct PairedBins {
  Area area;
  Source source;
  std::int32_t tile;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t t) const {
    const std::int32_t tiles_x = (area.out_x + tile - 1) / tile, tiles_y = (area.out_y + tile - 1) / tile;
    const std::int32_t y0 = static_cast<std::int32_t>(t % tiles_y) * tile,
                       x0 = static_cast<std::int32_t>(t / tiles_y % tiles_x) * tile;
    const std::int64_t channel = t / tiles_y / tiles_x;
    const std::int32_t x1 = (x0 + tile < area.out_x ? x0 + tile : area.out_x) - 1,
                       y1 = (y0 + tile < area.out_y ? y0 + tile : area.out_y) - 1;
    const std::int32_t from_x = area.x.begin[x0], from_y = area.y.begin[y0];
    float* narrow = reinterpret_cast<float*>(team.scratch);
    float* wide = narrow + area.in_z;
    const RowBlock block = source.rows(team, channel, from_x, area.x.begin[x1] + area.x.width[x1] - from_x, from_y,
                                       area.y.begin[y1] + area.y.width[y1] - from_y, wide + area.in_z);
    for (std::int32_t x = x0; x <= x1; ++x)
      for (std::int32_t y = y0; y <= y1; ++y) {
        const RowBlock rows{block.row(area.x.begin[x] - from_x, area.y.begin[y] - from_y), block.step_x, block.step_y};
        const std::int32_t nx = area.x.width[x], ny = area.y.width[y];
        if (x > x0 || y > y0) team.sync();
        add_rows_by_shape<kW>(team, rows, nx, ny, area.in_z, narrow, wide);
        team.sync();
        pick<kW>(team, area, nx, ny, narrow, area.out + ((channel * area.out_x + x) * area.out_y + y) * area.out_z);
      }
  }
};

/// A row of bins and the rows that it is made of.
struct RowOfBins {
  std::int64_t channel;
  std::int32_t x, nx, y, ny;
};

VOXD_HD RowOfBins row_of_bins(const Area& area, std::int64_t r) {
  const std::int32_t y = static_cast<std::int32_t>(r % area.out_y),
                     x = static_cast<std::int32_t>(r / area.out_y % area.out_x);
  return {r / area.out_y / area.out_x, area.x.begin[x], area.x.width[x], area.y.begin[y], area.y.width[y]};
}

/// The same with one row in memory at a time. Scratch: three floats per input z.
template <int kW, class Source>
struct PairedBinsByRow {
  Area area;
  Source source;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    const RowOfBins bins = row_of_bins(area, r);
    float* narrow = reinterpret_cast<float*>(team.scratch);
    float* wide = narrow + area.in_z;
    float* memory = wide + area.in_z;
    const Source from = source;
    add_row_by_row<kW>(
        team, bins.nx, bins.ny,
        [&](std::int32_t x, std::int32_t y) { return from.row(team, bins.channel, bins.x + x, bins.y + y, memory); },
        area.in_z, narrow, wide);
    team.sync();
    pick<kW>(team, area, bins.nx, bins.ny, narrow, area.out + r * area.out_z);
  }
};

/// Bins of any width. Scratch: a float per input z.
template <class Source>
struct AnyBins {
  Area area;
  Source source;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    const RowOfBins bins = row_of_bins(area, r);
    float* memory = reinterpret_cast<float*>(team.scratch);
    float* out = area.out + r * area.out_z;
    const std::int32_t *begin = area.z.begin, *width = area.z.width;
    // No sync: a lane meets the same bin in every pass.
    team.each(area.out_z, [=](std::int32_t z) { out[z] = 0; });
    for (std::int32_t x = 0; x < bins.nx; ++x)
      for (std::int32_t y = 0; y < bins.ny; ++y) {
        const float* row = source.row(team, bins.channel, bins.x + x, bins.y + y, memory);
        team.each(area.out_z, [=](std::int32_t z) {
          float sum = out[z];
          for (std::int32_t k = 0; k < width[z]; ++k) sum += row[begin[z] + k];
          out[z] = sum;
        });
      }
    const float width_x = static_cast<float>(bins.nx), width_y = static_cast<float>(bins.ny);
    team.each(area.out_z, [=](std::int32_t z) { out[z] = out[z] / width_x / width_y / static_cast<float>(width[z]); });
  }
};

/// The most rows that `bins` neighbouring bins can cover.
std::int64_t rows_under(std::int64_t bins, std::int32_t in, std::int32_t out) {
  return std::min<std::int64_t>(in, (bins * in + out - 1) / out + 1);
}

/// The widest tile whose rows fit a team's scratch memory beside both sums; 0 if there is none.
std::int32_t tile_of(const Int3& in, const Int3& out, bool cuda) {
  // On a GPU what a block gets without asking; on a CPU a part of a core's second cache.
  const std::int64_t floats = (cuda ? 40 : 192) * 1024 / static_cast<std::int64_t>(sizeof(float));
  for (std::int32_t tile = 8; tile > 0; tile /= 2)
    if ((2 + rows_under(tile, in[0], out[0]) * rows_under(tile, in[1], out[1])) * in[2] <= floats) return tile;
  return 0;
}

template <int kW, class Source>
void resize_paired(const Area& area, const Source& source, const Int3& in, const Int3& out, std::int64_t channels,
                   Stream& stream) {
  const std::int64_t work = 4 * std::int64_t{std::max(in[2], out[2])}, row = sizeof(float) * in[2];
  std::int32_t tile = 1;
  std::int64_t scratch = 2 * row;
  if constexpr (Source::kTiles) {
    tile = tile_of(in, out, stream.is_cuda());
    if (tile == 0)
      return parallel::for_each_team(stream, channels * out[0] * out[1], work, 3 * row,
                                     PairedBinsByRow<kW, Source>{area, source});
    scratch += rows_under(tile, in[0], out[0]) * rows_under(tile, in[1], out[1]) * row;
  }
  const std::int64_t tiles = channels * ((out[0] + tile - 1) / tile) * ((out[1] + tile - 1) / tile);
  parallel::for_each_team(stream, tiles, work * tile * tile, scratch, PairedBins<kW, Source>{area, source, tile});
}

template <class Source>
void resize_from(const Source& source, const Int3& in, const Int3& whole, std::int32_t first, DeviceVolume& result,
                 Workspace& workspace) {
  const Int3 out = result.size();
  const auto x = make_area_axis(in[0], whole[0], workspace), y = make_area_axis(in[1], out[1], workspace),
             z = make_area_axis(in[2], out[2], workspace);
  const AreaAxis planes{x.axis.begin + first, x.axis.width + first};
  const Area area{result.mutable_data<float>(), in[2], out[0], out[1], out[2], planes, y.axis, z.axis};
  const std::int64_t channels = result.channels();
  Stream& stream = workspace.stream();
  // A bin covers at least the ratio of the sizes, and at most one voxel more than that rounded up.
  switch ((in[2] + out[2] - 1) / out[2]) {
    case 1: return resize_paired<1>(area, source, in, out, channels, stream);
    case 2: return resize_paired<2>(area, source, in, out, channels, stream);
    case 3: return resize_paired<3>(area, source, in, out, channels, stream);
    case 4: return resize_paired<4>(area, source, in, out, channels, stream);
    default:
      return parallel::for_each_team(stream, channels * out[0] * out[1], 4 * std::int64_t{in[2]},
                                     sizeof(float) * static_cast<std::size_t>(in[2]), AnyBins<Source>{area, source});
  }
}

}  // namespace

void resize_area(const DeviceVolume& volume, const Int3& whole, std::int32_t first, DeviceVolume& result,
                 Workspace& workspace) {
  const Int3& size = volume.size();
  resize_from(FloatRows{volume.data<float>(), size[0], size[1], size[2]}, size, whole, first, result, workspace);
}

void resize_area(const ScaledBox& box, DeviceVolume& result, Workspace& workspace) {
  resize_from(ScaledRows{box}, {box.x.length, box.y.length, box.z.length}, result.size(), 0, result, workspace);
}

}  // namespace voxd
