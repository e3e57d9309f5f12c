#pragma once

#include <cstddef>
#include <cstdint>

#include "gpu_transforms/backend.h"

namespace voxd::parallel {

/// A row is reduced in this many interleaved lanes.
inline constexpr int kLanes = 32;

/// The team of for_each_team where one thread does the work of all lanes.
class OneThreadTeam {
 public:
  VOXD_HD explicit OneThreadTeam(std::byte* memory) : scratch(memory) {}

  /// g(i) for every i in 0..n-1; the calls must not depend on each other.
  template <class G>
  VOXD_HD void each(std::int32_t n, G g) const {
    VOXD_INDEPENDENT
    for (std::int32_t i = 0; i < n; ++i) g(i);
  }
  /// g(row, column) for every pair; neighbouring lanes have neighbouring columns.
  template <class G>
  VOXD_HD void each_pair(std::int32_t rows, std::int32_t columns, G g) const {
    for (std::int32_t row = 0; row < rows; ++row) each(columns, [&g, row](std::int32_t column) { g(row, column); });
  }
  /// As each(), but the calls may add to counters of the scratch memory (through add).
  template <class G>
  VOXD_HD void each_adding(std::int32_t n, G g) const {
    for (std::int32_t i = 0; i < n; ++i) g(i);
  }
  /// As each_adding(), where few i are wanted: g(i) for those for which wanted(i) holds, and perhaps for others, for
  /// which it must add 0.
  template <class Wanted, class G>
  VOXD_HD void each_adding_where(std::int32_t n, Wanted wanted, G g) const {
    constexpr std::int32_t kBlock = 64;
    std::int32_t i = 0;
    for (; i + kBlock <= n; i += kBlock) {
      std::int32_t any = 0;
      for (std::int32_t j = 0; j < kBlock; ++j) any |= wanted(i + j) ? 1 : 0;
      // Within a block that has some, telling them apart would cost more (in mispredicted branches) than adding 0.
      if (any != 0)
        for (std::int32_t j = 0; j < kBlock; ++j) g(i + j);
    }
    for (; i < n; ++i) g(i);
  }
  VOXD_HD void sync() const {}
  /// Adds to a counter in the scratch memory.
  VOXD_HD void add(std::uint32_t* counter, std::uint32_t value) const { *counter += value; }

  /// As many bytes as for_each_team was given, 64-byte aligned, uninitialised.
  std::byte* const scratch;
};

}  // namespace voxd::parallel
