#include "gpu_transforms/axis_table.h"
#include "gpu_transforms/parallel.h"
#include "gpu_transforms/resize_area.h"

// The reference adds a bin's voxels in x, y, z order to one float32 and divides by the three widths. The bins of an
// axis have at most two widths, w and w + 1. Adding along z bin by bin would need gathers, so both sums that a bin may
// ask for are formed for every z of the *input* grid, where memory is contiguous: over the rows of the bin
//   narrow[z] = (... + row[z]) + ... + row[z + w - 1]        wide[z] = narrow's additions, and row[z + w] after each
//   row's
// and each bin then picks the sum of its own width. Bins wider than five voxels take the plain loop.
namespace voxd {
namespace {

struct Area {
  const float* in;
  float* out;
  std::int32_t in_y, in_z, out_x, out_y, out_z;
  std::int64_t in_channel;
  AreaAxis x, y, z;
};

/// The rows that one row of bins is made of: nx times ny rows, starting at `first`.
struct Rows {
  const float* first;
  std::int64_t step_x, step_y;
  std::int32_t nx, ny;
};

VOXD_HD Rows rows_of(const Area& area, std::int64_t r) {
  const std::int32_t oy = static_cast<std::int32_t>(r % area.out_y),
                     ox = static_cast<std::int32_t>(r / area.out_y % area.out_x);
  const std::int64_t channel = r / area.out_y / area.out_x;
  const std::int64_t step_x = std::int64_t{area.in_y} * area.in_z;
  const float* first =
      area.in + channel * area.in_channel + area.x.begin[ox] * step_x + std::int64_t{area.y.begin[oy]} * area.in_z;
  return {first, step_x, area.in_z, area.x.width[ox], area.y.width[oy]};
}

/// Both sums over kX times kY rows at once, so that they stay in registers. kW: the lesser width along z.
template <int kX, int kY, int kW, class Team>
VOXD_HD void add_rows(const Team& team, const Rows& rows, std::int32_t nz, float* narrow, float* wide) {
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

/// The same for any number of rows, one row after the other.
template <int kW, class Team>
VOXD_HD void add_rows(const Team& team, const Rows& rows, std::int32_t nz, float* narrow, float* wide) {
  // No sync between the passes: a lane meets the same z in each, and the first lane meets the last one.
  team.each(nz - kW, [=](std::int32_t z) { narrow[z] = wide[z] = 0; });
  team.each(1, [=](std::int32_t) { narrow[nz - kW] = 0; });
  for (std::int32_t x = 0; x < rows.nx; ++x)
    for (std::int32_t y = 0; y < rows.ny; ++y) {
      const float* first = rows.first + x * rows.step_x + y * rows.step_y;
      team.each(nz - kW, [=](std::int32_t z) {
        float sum = narrow[z], sum_wide = wide[z];
        for (int k = 0; k < kW; ++k) {
          sum += first[z + k];
          sum_wide += first[z + k];
        }
        narrow[z] = sum;
        wide[z] = sum_wide + first[z + kW];
      });
      team.each(1, [=](std::int32_t) {
        float sum = narrow[nz - kW];
        for (int k = 0; k < kW; ++k) sum += first[nz - kW + k];
        narrow[nz - kW] = sum;
      });
    }
}

template <int kW, class Team>
VOXD_HD void add_rows_by_shape(const Team& team, const Rows& rows, std::int32_t nz, float* narrow, float* wide) {
  if (rows.nx > 3 || rows.ny > 3) return add_rows<kW>(team, rows, nz, narrow, wide);
  switch (rows.nx * 4 + rows.ny) {
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

/// Bins of kW or kW + 1 voxels along z. Scratch: two floats per input z.
template <int kW>
struct PairedBins {
  Area area;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    const Rows rows = rows_of(area, r);
    float* narrow = reinterpret_cast<float*>(team.scratch);
    float* wide = narrow + area.in_z;
    add_rows_by_shape<kW>(team, rows, area.in_z, narrow, wide);
    team.sync();
    float* out = area.out + r * area.out_z;
    const float width_x = static_cast<float>(rows.nx), width_y = static_cast<float>(rows.ny);
    const std::int32_t *begin = area.z.begin, *width = area.z.width;
    const std::int32_t in_z = area.in_z;
    team.each(area.out_z, [=](std::int32_t z) {
      const std::int32_t w = width[z];
      out[z] = narrow[begin[z] + (w - kW) * in_z] / width_x / width_y / static_cast<float>(w);
    });
  }
};

/// Bins of any width.
struct AnyBins {
  Area area;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    const Rows rows = rows_of(area, r);
    float* out = area.out + r * area.out_z;
    const float width_x = static_cast<float>(rows.nx), width_y = static_cast<float>(rows.ny);
    const std::int32_t *begin = area.z.begin, *width = area.z.width;
    team.each(area.out_z, [=](std::int32_t z) {
      float sum = 0;
      for (std::int32_t x = 0; x < rows.nx; ++x)
        for (std::int32_t y = 0; y < rows.ny; ++y) {
          const float* bin = rows.first + x * rows.step_x + y * rows.step_y + begin[z];
          for (std::int32_t k = 0; k < width[z]; ++k) sum += bin[k];
        }
      out[z] = sum / width_x / width_y / static_cast<float>(width[z]);
    });
  }
};

}  // namespace

void resize_area(const DeviceVolume& volume, DeviceVolume& result, Workspace& workspace) {
  const Int3 in = volume.size(), out = result.size();
  const auto x = make_area_axis(in[0], out[0], workspace), y = make_area_axis(in[1], out[1], workspace),
             z = make_area_axis(in[2], out[2], workspace);
  const Area area{volume.data<float>(),
                  result.mutable_data<float>(),
                  in[1],
                  in[2],
                  out[0],
                  out[1],
                  out[2],
                  volume.geometry().voxels(),
                  x.axis,
                  y.axis,
                  z.axis};
  const std::int64_t rows = std::int64_t{result.channels()} * out[0] * out[1];
  const std::int64_t work = 4 * std::int64_t{std::max(in[2], out[2])};
  const std::size_t scratch = 2 * sizeof(float) * static_cast<std::size_t>(in[2]);
  Stream& stream = workspace.stream();
  // A bin covers at least the ratio of the sizes, and at most one voxel more than that rounded up.
  switch ((in[2] + out[2] - 1) / out[2]) {
    case 1: return parallel::for_each_team(stream, rows, work, scratch, PairedBins<1>{area});
    case 2: return parallel::for_each_team(stream, rows, work, scratch, PairedBins<2>{area});
    case 3: return parallel::for_each_team(stream, rows, work, scratch, PairedBins<3>{area});
    case 4: return parallel::for_each_team(stream, rows, work, scratch, PairedBins<4>{area});
    default: return parallel::for_each_team(stream, rows, work, 0, AnyBins{area});
  }
}

}  // namespace voxd
