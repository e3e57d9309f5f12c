#pragma once

#include <cstdint>

#include "gpu_transforms/scaled_box.h"

// Where resize_area finds the rows that it adds: in a float32 volume, or in a box that is scaled on the way to a team's
// scratch memory. Both have
//   rows(team, channel, x, nx, y, ny, memory)   nx times ny rows at once, in memory that is not in use
//   row(team, channel, x, y, memory)            one row, until the next call
// What is returned is complete.
namespace voxd {

/// Rows at equal distances.
struct RowBlock {
  const float* first;
  std::int64_t step_x, step_y;
  VOXD_HD const float* row(std::int32_t x, std::int32_t y) const { return first + x * step_x + y * step_y; }
};

/// Rows that lie in memory; takes none of the team's.
struct FloatRows {
  const float* in;
  std::int32_t nx, ny, nz;
  /// Neighbouring bins need no common rows: each can be a team of its own.
  static constexpr bool kTiles = false;

  template <class Team>
  VOXD_HD RowBlock rows(const Team&, std::int64_t channel, std::int32_t x, std::int32_t, std::int32_t y, std::int32_t,
                        float*) const {
    return {in + ((channel * nx + x) * ny + y) * nz, std::int64_t{ny} * nz, nz};
  }
  template <class Team>
  VOXD_HD const float* row(const Team&, std::int64_t channel, std::int32_t x, std::int32_t y, float*) const {
    return in + ((channel * nx + x) * ny + y) * nz;
  }
};

/// Rows that are scaled into `memory`.
struct ScaledRows {
  ScaledBox box;
  static constexpr bool kTiles = true;

  template <class Team>
  VOXD_HD RowBlock rows(const Team& team, std::int64_t channel, std::int32_t x, std::int32_t nx, std::int32_t y,
                        std::int32_t ny, float* memory) const {
    const std::int64_t nz = box.z.length;
    for (std::int32_t i = 0; i < nx; ++i)
      for (std::int32_t j = 0; j < ny; ++j) box.read_row(team, channel, x + i, y + j, memory + (i * ny + j) * nz);
    team.sync();
    return {memory, ny * nz, nz};
  }
  template <class Team>
  VOXD_HD const float* row(const Team& team, std::int64_t channel, std::int32_t x, std::int32_t y,
                           float* memory) const {
    team.sync();  // other lanes may still be reading the last row
    box.read_row(team, channel, x, y, memory);
    team.sync();
    return memory;
  }
};

}  // namespace voxd
