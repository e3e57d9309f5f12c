#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

namespace voxd {

/// Turns a run of planes of a volume whose first axis lies contiguous (a, then b, then c) into the order of the last
/// axis contiguous (c, then b, then a): out[(a * B + b) * C + c] = convert(in[(c * B + b) * A + a]) for c in [first_c,
/// first_c + planes). It serves both ways, as X,Y,Z to Z,Y,X is its own inverse with the sizes swapped. `in` starts at
/// plane first_c, `out` at the volume's start. Of b only [first_b, end_b) is turned: several threads may share a run.
/// `load_row(from, n, to)` converts n contiguous elements.
///
/// Square tiles go through a buffer in the nearest caches, so that whole lines are read and written; the walk along b
/// from tile to tile keeps the pages of both sides few. Its rows are padded, because a power of two between them would
/// put a column into few cache sets, and the next tile is asked for early, because the processor does not foresee
/// strides of whole planes.
template <class Out, class In, class LoadRow>
void reverse_axes(const In* in, Out* out, std::array<std::int64_t, 3> size, std::int64_t first_c, std::int64_t planes,
                  LoadRow load_row, std::int64_t first_b, std::int64_t end_b) {
  constexpr std::int64_t tile = sizeof(Out) <= 2 ? 128 : 64;
  constexpr std::int64_t padding = 32 / sizeof(Out);
  const auto [A, B, C] = size;
  Out rows[tile][tile + padding];
  for (std::int64_t c0 = 0; c0 < planes; c0 += tile) {
    const std::int64_t c_count = std::min(tile, planes - c0);
    for (std::int64_t a0 = 0; a0 < A; a0 += tile) {
      const std::int64_t a_count = std::min(tile, A - a0);
      for (std::int64_t b = first_b; b < end_b; ++b) {
        const bool more = b + 1 < end_b;
        for (std::int64_t c = 0; c < c_count; ++c) {
          const In* from = in + ((c0 + c) * B + b) * A + a0;
          load_row(from, a_count, rows[c]);
          for (std::int64_t ahead = 0; more && ahead < a_count; ahead += 64 / sizeof(In))
            __builtin_prefetch(from + A + ahead);
        }
        for (std::int64_t a = 0; a < a_count; ++a) {
          Out* to = out + ((a0 + a) * B + b) * C + first_c + c0;
          for (std::int64_t c = 0; c < c_count; ++c) to[c] = rows[c][a];
        }
      }
    }
  }
}

/// All of b.
template <class Out, class In, class LoadRow>
void reverse_axes(const In* in, Out* out, std::array<std::int64_t, 3> size, std::int64_t first_c, std::int64_t planes,
                  LoadRow load_row) {
  reverse_axes(in, out, size, first_c, planes, load_row, 0, size[1]);
}

}  // namespace voxd
