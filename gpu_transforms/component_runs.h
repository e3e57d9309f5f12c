#pragma once

#include <cstdint>
#include <memory>

#include "gpu_transforms/bit_rows.h"

namespace voxd {

/// A maximal stretch of set voxels in a row along Z, both ends included.
struct Run {
  std::int16_t first, last;
};

/// The runs of a mask and which component each belongs to, in device memory.
/// A component is named by its root: its first run, which holds its first voxel in raster order. So names do not depend
/// on the order of the threads.
struct ComponentRuns {
  const std::int64_t* row_begin;  ///< rows + 1: the runs of row r are row_begin[r] .. row_begin[r + 1] - 1
  const Run* runs;
  const std::int32_t* root;     ///< per run
  const std::uint32_t* voxels;  ///< per run: the component's voxels if the run is a root, else 0
  std::int64_t rows, count;     ///< count: number of runs
};

struct ComponentRunsMemory {
  std::shared_ptr<std::int64_t> row_begin;
  std::shared_ptr<Run> runs;
  std::shared_ptr<std::int32_t> root;
  std::shared_ptr<std::uint32_t> voxels;
  ComponentRuns components;
};

/// How the rows of a mask lie: nx times ny of them, once or, if the channels count as a fourth axis, per channel.
struct RowGrid {
  std::int32_t channels, nx, ny;
  VOXD_HD std::int64_t rows() const { return std::int64_t{channels} * nx * ny; }
};

/// Components of a mask. Voxels touch if they are at most one apart along each axis and differ along at most
/// `connectivity` axes: in one channel 1 means 6 neighbours, 2: 18, 3: 26. Synchronizes the stream once (to know the
/// number of runs). Throws Error{invalid_argument} beyond 32767 voxels along Z, 2^31 runs or 2^32 voxels.
/// Scratch and result: 8 bytes per row, 12 per run.
ComponentRunsMemory find_components(const BitRows& mask, const RowGrid& grid, int connectivity, Workspace& workspace);

/// Enqueues *out = the key of the n-th largest component, or 0 if there are fewer. See key_of.
void nth_largest(const ComponentRuns& components, int n, std::uint64_t* out, Workspace& workspace);

/// Larger components have larger keys; of equal ones, the one that comes first in raster order. 0 for a run that is not
/// a root.
VOXD_HD inline std::uint64_t key_of(const ComponentRuns& components, std::int64_t run) {
  return components.voxels[run] == 0
             ? 0
             : std::uint64_t{components.voxels[run]} << 32 | (0xffffffffu - static_cast<std::uint32_t>(run));
}

}  // namespace voxd
