#pragma once

#include <cstdint>

#include "gpu_transforms/parallel.h"

// Pointwise work that needs values from device memory: a volume's voxels as rows of one length, whatever its axes.
namespace voxd {

inline constexpr std::int32_t kFlatRow = 4096;

/// Rows of `f` that start at voxel begin, begin + kFlatRow, ...
template <class F>
struct FlatRows {
  F f;
  std::int64_t begin;
  VOXD_HD auto row(std::int64_t r) const { return f.at(begin + r * kFlatRow); }
};

/// Enqueues, for the voxels 0..count-1, `auto part = f.at(i)` for every kFlatRow-th i and part(0), part(1), ... for the
/// voxels from there on.
template <class F>
void for_each_flat(Stream& stream, std::int64_t count, F f) {
  const std::int64_t rows = count / kFlatRow, rest = rows * kFlatRow;
  parallel::for_each_row(stream, rows, kFlatRow, FlatRows<F>{f, 0});
  parallel::for_each_row(stream, 1, static_cast<std::int32_t>(count - rest), FlatRows<F>{f, rest});
}

/// The rows of a flat array that are to be reduced.
struct FlatPart {
  std::int64_t begin;
  std::int32_t length;
};
VOXD_HD inline FlatPart flat_part(std::int64_t r, std::int64_t count) {
  const std::int64_t begin = r * kFlatRow;
  return {begin, static_cast<std::int32_t>(count - begin < kFlatRow ? count - begin : kFlatRow)};
}

/// The sum of of.term()(value) over a flat array, for reduce_rows.
template <class Of>
struct FlatSum {
  using Value = double;
  const float* values;
  std::int64_t count;
  Of of;

  struct Row {
    const float* values;
    std::int32_t length;
    typename Of::Term term;
    VOXD_HD std::int32_t size() const { return length; }
    VOXD_HD void add(double& sum, std::int32_t z) const { sum += term(values[z]); }
  };
  VOXD_HD Row row(std::int64_t r) const {
    const FlatPart part = flat_part(r, count);
    return {values + part.begin, part.length, of.term()};
  }
  VOXD_HD double identity() const { return 0; }
  VOXD_HD double join(double a, double b) const { return a + b; }
};

struct Itself {
  struct Term {
    VOXD_HD double operator()(float v) const { return v; }
  };
  VOXD_HD Term term() const { return {}; }
};

}  // namespace voxd
