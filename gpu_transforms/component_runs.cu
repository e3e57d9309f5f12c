#include <limits>

#include "gpu_transforms/component_runs.h"
#include "gpu_transforms/parallel.h"
#include "gpu_transforms/volume/checked.h"

// Connected components by runs: an organ's mask of 11 million voxels is some ten thousand runs, and all that is done to
// them fits the cache.
//
//   y-1  y  y+1            each row meets the four neighbours that come before it in raster order
//    a   b   c    x-1      (and, where channels are an axis, nine in the channel before); two runs
//    d   *        x        in neighbouring rows touch if their stretches along z overlap or, with
//                          diagonal neighbours, are at most one voxel apart.
//
// Touching runs are united by letting the larger root point to the smaller with an atomic minimum: pointers only ever
// go down, so the roots that remain are the first runs of the components whatever the order in which threads come by.
namespace voxd {
namespace {

/// Start bits of the runs in word w: set, and the voxel before is not.
VOXD_HD std::uint64_t starts(const std::uint64_t* row, std::int32_t w) {
  const std::uint64_t before = row[w] << 1 | (w > 0 ? row[w - 1] >> 63 : 0);
  return row[w] & ~before;
}

/// End bits: set, and the voxel after is not.
VOXD_HD std::uint64_t ends(const std::uint64_t* row, std::int32_t w, std::int32_t words) {
  const std::uint64_t after = row[w] >> 1 | (w + 1 < words ? row[w + 1] << 63 : 0);
  return row[w] & ~after;
}

struct CountRuns {
  BitRows mask;
  std::int64_t* count;  // rows + 1, so that the scan ends with the total
  VOXD_HD void operator()(std::int64_t r) const {
    std::int64_t runs = 0;
    if (r < mask.rows) {
      const std::uint64_t* row = mask.row(r);
      for (std::int32_t w = 0; w < mask.words_per_row(); ++w) runs += set_bits(starts(row, w));
    }
    count[r] = runs;
  }
};

struct FillRuns {
  BitRows mask;
  const std::int64_t* row_begin;
  Run* runs;
  std::int32_t* parent;
  std::uint32_t* voxels;

  VOXD_HD void operator()(std::int64_t r) const {
    const std::uint64_t* row = mask.row(r);
    const std::int32_t words = mask.words_per_row();
    std::int64_t first = row_begin[r], last = row_begin[r];
    for (std::int32_t w = 0; w < words; ++w) {
      for (std::uint64_t bits = starts(row, w); bits != 0; bits &= bits - 1)
        runs[first++].first = static_cast<std::int16_t>(w * 64 + trailing_zeros(bits));
      for (std::uint64_t bits = ends(row, w, words); bits != 0; bits &= bits - 1)
        runs[last++].last = static_cast<std::int16_t>(w * 64 + trailing_zeros(bits));
    }
    for (std::int64_t i = row_begin[r]; i < first; ++i) {
      parent[i] = static_cast<std::int32_t>(i);
      voxels[i] = 0;
    }
  }
};

/// On its way up, points every run that it passes to the one above the next: later ways are shorter. A thread may undo
/// by that what another has just linked, to an ancestor that the other thread is about to unite with the same run.
VOXD_HD std::int32_t find_root(std::int32_t* parent, std::int32_t run) {
  std::int32_t above = atomic_load(parent + run);
  while (above != run) {
    const std::int32_t next = atomic_load(parent + above);
    if (next == above) return above;
    atomic_store(parent + run, next);
    run = next;
    above = atomic_load(parent + run);
  }
  return run;
}

VOXD_HD void unite(std::int32_t* parent, std::int32_t a, std::int32_t b) {
  for (;;) {
    a = find_root(parent, a);
    b = find_root(parent, b);
    if (a == b) return;
    const std::int32_t larger = a > b ? a : b, smaller = a > b ? b : a;
    const std::int32_t seen = atomic_min(parent + larger, smaller);
    if (seen == larger) return;
    a = seen;  // another thread was quicker: what it pointed to must be united with ours too
    b = smaller;
  }
}

/// The bits 0..bit.
VOXD_HD std::uint64_t up_to(int bit) { return ~std::uint64_t{0} >> (63 - bit); }

/// Unites the runs of a row with those of its earlier neighbours, 64 voxels at a time. Two runs touch where one begins
/// beside the other, so each touching pair is met at one bit; the number of the runs that have begun up to a bit is the
/// place of its run in the list.
struct MergeRows {
  BitRows mask;
  const std::int64_t* row_begin;
  std::int32_t* parent;
  RowGrid grid;
  int connectivity;

  VOXD_HD void operator()(std::int64_t r) const {
    if (row_begin[r] == row_begin[r + 1]) return;
    const std::int64_t plane = r / grid.ny;
    const std::int32_t y = static_cast<std::int32_t>(r - plane * grid.ny),
                       x = static_cast<std::int32_t>(plane % grid.nx);
    if (y > 0) merge(r, r - 1, connectivity >= 2);
    if (x > 0) merge_three(r, r - grid.ny, y, 1);
    if (plane < grid.nx) return;
    const std::int64_t beyond = r - std::int64_t{grid.nx} * grid.ny;  // the same row of the channel before
    merge_three(r, beyond, y, 1);
    if (x > 0) merge_three(r, beyond - grid.ny, y, 2);
    if (x + 1 < grid.nx) merge_three(r, beyond + grid.ny, y, 2);
  }

  /// With the row `middle`, which differs along `axes` axes, and with those on both sides of it along y.
  VOXD_HD void merge_three(std::int64_t row, std::int64_t middle, std::int32_t y, int axes) const {
    if (connectivity >= axes) merge(row, middle, connectivity > axes);
    if (connectivity <= axes) return;
    if (y > 0) merge(row, middle - 1, connectivity > axes + 1);
    if (y + 1 < grid.ny) merge(row, middle + 1, connectivity > axes + 1);
  }

  /// `diagonal`: runs that are one voxel apart along z touch too.
  VOXD_HD void merge(std::int64_t row, std::int64_t other, bool diagonal) const {
    const std::int32_t words = mask.words_per_row();
    const std::uint64_t *a = mask.row(row), *b = mask.row(other);
    std::int64_t a_begun = row_begin[row], b_begun = row_begin[other];  // run 0 of the word, if it begins there
    if (b_begun == row_begin[other + 1]) return;
    for (std::int32_t w = 0; w < words; ++w) {
      if ((a[w] | b[w]) == 0) continue;
      const std::uint64_t a_starts = starts(a, w), b_starts = starts(b, w);
      const std::uint64_t before = a[w] << 1 | (w > 0 ? a[w - 1] >> 63 : 0);
      const std::uint64_t after = a[w] >> 1 | (w + 1 < words ? a[w + 1] << 63 : 0);
      if (!diagonal) {
        unite_at((a_starts & b[w]) | (b_starts & a[w]), a_starts, a_begun, b_starts, b_begun);
      } else if (((a[w] | before | after) & b[w]) != 0) {
        // Where a run of `a` begins one voxel after a voxel of `b`, then where a run of `b` begins in or behind one.
        unite_at(after & ~a[w] & b[w], a_starts, a_begun + 1, b_starts, b_begun);
        unite_at((a[w] | before) & b_starts, a_starts, a_begun, b_starts, b_begun);
      }
      a_begun += set_bits(a_starts);
      b_begun += set_bits(b_starts);
    }
  }

  VOXD_HD void unite_at(std::uint64_t bits, std::uint64_t a_starts, std::int64_t a_begun, std::uint64_t b_starts,
                        std::int64_t b_begun) const {
    for (; bits != 0; bits &= bits - 1) {
      const std::uint64_t so_far = up_to(trailing_zeros(bits));
      unite(parent, static_cast<std::int32_t>(a_begun + set_bits(a_starts & so_far) - 1),
            static_cast<std::int32_t>(b_begun + set_bits(b_starts & so_far) - 1));
    }
  }
};

/// Points every run to its root and adds its length there; neighbours with the same root together.
struct Flatten {
  const std::int64_t* row_begin;
  const Run* runs;
  std::int32_t* parent;
  std::uint32_t* voxels;

  VOXD_HD void operator()(std::int64_t r) const {
    std::int32_t last = -1;
    std::uint32_t length = 0;
    for (std::int64_t i = row_begin[r]; i < row_begin[r + 1]; ++i) {
      const std::int32_t root = find_root(parent, static_cast<std::int32_t>(i));
      atomic_store(parent + i, root);
      if (root != last && length > 0) {
        atomic_add(voxels + last, length);
        length = 0;
      }
      last = root;
      length += static_cast<std::uint32_t>(runs[i].last - runs[i].first + 1);
    }
    if (length > 0) atomic_add(voxels + last, length);
  }
};

constexpr std::int32_t kRow = 4096;  // runs are reduced in rows of this length

/// The largest key below a limit.
struct LargestKey {
  using Value = std::uint64_t;
  ComponentRuns components;
  const std::uint64_t* below;  // null: no limit

  struct Row {
    ComponentRuns components;
    std::int64_t begin;
    std::int32_t length;
    std::uint64_t limit;
    VOXD_HD std::int32_t size() const { return length; }
    VOXD_HD void add(std::uint64_t& largest, std::int32_t i) const {
      const std::uint64_t key = key_of(components, begin + i);
      if (key < limit && key > largest) largest = key;
    }
  };
  VOXD_HD Row row(std::int64_t r) const {
    const std::int64_t begin = r * kRow, rest = components.count - begin;
    return {components, begin, static_cast<std::int32_t>(rest < kRow ? rest : kRow),
            below == nullptr ? ~std::uint64_t{0} : *below};
  }
  VOXD_HD std::uint64_t identity() const { return 0; }
  VOXD_HD std::uint64_t join(std::uint64_t a, std::uint64_t b) const { return a > b ? a : b; }
};

void check_limits(const BitRows& mask) {
  if (mask.nz > std::numeric_limits<std::int16_t>::max())
    fail(Code::invalid_argument, "connected components: ", mask.nz, " voxels along Z, at most 32767");
  const std::int64_t voxels = checked_product({mask.rows, mask.nz}, "connected components");
  if (voxels > std::numeric_limits<std::uint32_t>::max())
    fail(Code::invalid_argument, "connected components: ", voxels, " voxels, at most 4294967295");
}

}  // namespace

ComponentRunsMemory find_components(const BitRows& mask, const RowGrid& grid, int connectivity, Workspace& workspace) {
  check_limits(mask);
  if (connectivity < 1 || connectivity > 4)
    fail(Code::invalid_argument, "connectivity: ", connectivity, ", must be 1 to 4");
  if (mask.rows != grid.rows())
    fail(Code::internal, "connected components: ", mask.rows, " rows for ", grid.channels, " x ", grid.nx, " x ",
         grid.ny);
  Stream& stream = workspace.stream();
  const std::int32_t words = mask.words_per_row();
  ComponentRunsMemory result;
  result.row_begin = workspace.allocate_array<std::int64_t>(mask.rows + 1);
  std::int64_t* row_begin = result.row_begin.get();
  parallel::for_each_index(stream, mask.rows + 1, words * 4, CountRuns{mask, row_begin});
  parallel::exclusive_scan(workspace, row_begin, mask.rows + 1, row_begin);
  const std::int64_t count = parallel::read_back(stream, row_begin + mask.rows, 1)[0];
  if (count > std::numeric_limits<std::int32_t>::max())
    fail(Code::invalid_argument, "connected components: ", count, " runs of foreground, at most 2147483647");
  result.runs = workspace.allocate_array<Run>(count);
  result.root = workspace.allocate_array<std::int32_t>(count);
  result.voxels = workspace.allocate_array<std::uint32_t>(count);
  result.components = {row_begin, result.runs.get(), result.root.get(), result.voxels.get(), mask.rows, count};
  if (count == 0) return result;
  parallel::for_each_index(stream, mask.rows, words * 8,
                           FillRuns{mask, row_begin, result.runs.get(), result.root.get(), result.voxels.get()});
  const std::int64_t runs_per_row = count / mask.rows + 1;
  parallel::for_each_index(stream, mask.rows, 16 * runs_per_row,
                           MergeRows{mask, row_begin, result.root.get(), grid, connectivity});
  parallel::for_each_index(stream, mask.rows, 8 * runs_per_row,
                           Flatten{row_begin, result.runs.get(), result.root.get(), result.voxels.get()});
  return result;
}

void nth_largest(const ComponentRuns& components, int n, std::uint64_t* out, Workspace& workspace) {
  const std::int64_t rows = parallel::ceil_div(components.count, kRow);
  for (int i = 0; i < n; ++i)
    parallel::reduce_rows(workspace, rows, kRow, LargestKey{components, i == 0 ? nullptr : out}, out);
}

}  // namespace voxd
