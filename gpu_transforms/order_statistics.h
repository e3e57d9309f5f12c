#pragma once

#include <cstdint>
#include <vector>

#include "gpu_transforms/workspace.h"

namespace voxd {

/// What the percentiles of one set of values are made from.
struct OrderStatistics {
  std::vector<float> values;  ///< one per rank asked for
  bool has_nan = false;       ///< then `values` mean nothing
};

/// For each set of `count` float32 values (sets follow each other in memory), its elements at the given ranks (0:
/// smallest) in sorted order, exactly. At most 4 ranks, each in 0..count-1. Synchronizes the stream. Scratch: 66 kB per
/// set.
std::vector<OrderStatistics> order_statistics(const float* values, std::int64_t count, int sets,
                                              const std::vector<std::int64_t>& ranks, Workspace& workspace);

}  // namespace voxd
