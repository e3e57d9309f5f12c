#include <limits>

#include "gpu_transforms/component_runs.h"
#include "gpu_transforms/parallel.h"
#include "gpu_transforms/volume/checked.h"

// Connected components by runs: an organ's mask of 11 million voxels is some ten thousand runs, and all that is done to
// them fits the cache.
//
//   y-1  y  y+1            each row meets the four neighbours that come before it in raster order;
//    a   b   c    x-1      two runs in neighbouring rows touch if their stretches along z overlap
//    d   *        x        (or, with diagonal neighbours, are at most one voxel apart).
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

VOXD_HD std::int32_t find_root(std::int32_t* parent, std::int32_t run) {
  std::int32_t above = atomic_load(parent + run);
  while (above != run) {
    run = above;
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

struct MergeRows {
  const std::int64_t* row_begin;
  const Run* runs;
  std::int32_t* parent;
  std::int32_t ny;
  int connectivity;

  VOXD_HD void operator()(std::int64_t r) const {
    if (row_begin[r] == row_begin[r + 1]) return;
    const std::int64_t x = r / ny, y = r % ny;
    const int beside = connectivity >= 2 ? 1 : 0;  // how far apart along z runs of rows that share a side may be
    if (y > 0) merge(r, r - 1, beside);
    if (x == 0) return;
    merge(r, r - ny, beside);
    if (connectivity == 1) return;
    const int across = connectivity == 3 ? 1 : 0;  // and of rows that share an edge only
    if (y > 0) merge(r, r - ny - 1, across);
    if (y + 1 < ny) merge(r, r - ny + 1, across);
  }

  VOXD_HD void merge(std::int64_t row, std::int64_t other, int reach) const {
    std::int64_t a = row_begin[row], b = row_begin[other];
    const std::int64_t a_end = row_begin[row + 1], b_end = row_begin[other + 1];
    while (a < a_end && b < b_end) {
      if (runs[a].first <= runs[b].last + reach && runs[b].first <= runs[a].last + reach)
        unite(parent, static_cast<std::int32_t>(a), static_cast<std::int32_t>(b));
      // The run that ends first can touch nothing further: the other row's next run begins two voxels or more after the
      // end of its current one.
      if (runs[a].last < runs[b].last) {
        ++a;
      } else {
        ++b;
      }
    }
  }
};

struct Flatten {
  const Run* runs;
  std::int32_t* parent;
  std::uint32_t* voxels;
  VOXD_HD void operator()(std::int64_t i) const {
    const std::int32_t root = find_root(parent, static_cast<std::int32_t>(i));
    atomic_store(parent + i, root);
    atomic_add(voxels + root, static_cast<std::uint32_t>(runs[i].last - runs[i].first + 1));
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

ComponentRunsMemory find_components(const BitRows& mask, std::int32_t nx, std::int32_t ny, int connectivity,
                                    Workspace& workspace) {
  check_limits(mask);
  if (connectivity < 1 || connectivity > 3)
    fail(Code::invalid_argument, "connectivity: ", connectivity, ", must be 1, 2 or 3");
  if (mask.rows != std::int64_t{nx} * ny)
    fail(Code::internal, "connected components: ", mask.rows, " rows for ", nx, " x ", ny);
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
  parallel::for_each_index(stream, mask.rows, 16 * (count / mask.rows + 1),
                           MergeRows{row_begin, result.runs.get(), result.root.get(), ny, connectivity});
  parallel::for_each_index(stream, count, 8, Flatten{result.runs.get(), result.root.get(), result.voxels.get()});
  return result;
}

void nth_largest(const ComponentRuns& components, int n, std::uint64_t* out, Workspace& workspace) {
  const std::int64_t rows = parallel::ceil_div(components.count, kRow);
  for (int i = 0; i < n; ++i)
    parallel::reduce_rows(workspace, rows, kRow, LargestKey{components, i == 0 ? nullptr : out}, out);
}

}  // namespace voxd
