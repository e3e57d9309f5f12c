#pragma once

#include <cstdint>
#include <memory>

#include "gpu_transforms/parallel.h"
#include "gpu_transforms/workspace.h"

// Masks as one bit per voxel: a row along Z is a run of 64-bit words, voxel z is bit z % 64 of word z / 64, bits past
// the row's end are 0.
namespace voxd {

/// A mask in device memory; rows follow each other in X,Y order (and channel by channel).
struct BitRows {
  std::uint64_t* words;
  std::int64_t rows;
  std::int32_t nz;

  VOXD_HD std::int32_t words_per_row() const { return (nz + 63) / 64; }
  VOXD_HD const std::uint64_t* row(std::int64_t r) const { return words + r * words_per_row(); }
  VOXD_HD std::uint64_t* row(std::int64_t r) { return words + r * words_per_row(); }
};

/// The memory and the view.
struct BitRowsMemory {
  std::shared_ptr<std::uint64_t> memory;
  BitRows bits;
};

inline BitRowsMemory allocate_bit_rows(std::int64_t rows, std::int32_t nz, Workspace& workspace) {
  auto memory = workspace.allocate_array<std::uint64_t>(rows * ((nz + 63) / 64));
  return {memory, {memory.get(), rows, nz}};
}

/// Eight bits -> eight bytes that are 0 or 1.
VOXD_HD inline std::uint64_t bytes_of_bits(std::uint64_t bits) {
  const std::uint64_t one_each = bits * 0x0101010101010101u & 0x8040201008040201u;
  return (one_each + 0x7f7f7f7f7f7f7f7fu) >> 7 & 0x0101010101010101u;
}

/// A word as 64 flags (bytes 0 or 1). Most words of a mask's edge, or of what is to be changed, are empty.
VOXD_HD inline void flags_of_word(std::uint64_t word, std::uint64_t* flags) {
  if (word == 0) {
    for (int i = 0; i < 8; ++i) flags[i] = 0;
  } else {
    for (int i = 0; i < 8; ++i) flags[i] = bytes_of_bits(word >> (8 * i) & 0xff);
  }
}

/// Sets bits first..last of a row.
VOXD_HD inline void set_range(std::uint64_t* row, std::int32_t first, std::int32_t last) {
  const std::int32_t from = first / 64, to = last / 64;
  const std::uint64_t head = ~std::uint64_t{0} << (first % 64), tail = ~std::uint64_t{0} >> (63 - last % 64);
  if (from == to) {
    row[from] |= head & tail;
    return;
  }
  row[from] |= head;
  for (std::int32_t w = from + 1; w < to; ++w) row[w] = ~std::uint64_t{0};
  row[to] |= tail;
}

/// Bits where `predicate(voxel)` holds; with `accumulate` added to the bits that are there.
template <class T, class Predicate>
struct PackRow {
  const T* in;
  BitRows bits;
  Predicate predicate;
  bool accumulate;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    auto* flags = reinterpret_cast<std::uint8_t*>(team.scratch);
    const std::int32_t words = bits.words_per_row(), nz = bits.nz;
    const T* row = in + r * nz;
    const Predicate holds = predicate;
    team.each(nz, [=](std::int32_t z) { flags[z] = static_cast<std::uint8_t>(holds(row[z])); });
    team.each(words * 64 - nz, [=](std::int32_t i) { flags[nz + i] = 0; });
    team.sync();
    std::uint64_t* out = bits.words + r * words;
    const bool add = accumulate;
    team.each(words, [=](std::int32_t w) {
      const std::uint64_t word = word_of_flags(reinterpret_cast<const std::uint64_t*>(flags) + 8 * w);
      out[w] = add ? out[w] | word : word;
    });
  }
};

/// Enqueues the packing of bits.rows rows of `in`.
template <class T, class Predicate>
void pack_rows(Stream& stream, const T* in, const BitRows& bits, Predicate predicate, bool accumulate = false) {
  parallel::for_each_team(stream, bits.rows, bits.nz, static_cast<std::size_t>(bits.words_per_row()) * 64,
                          PackRow<T, Predicate>{in, bits, predicate, accumulate});
}

inline void clear_bits(Stream& stream, const BitRows& bits) {
  fill_bytes(bits.words, 0, static_cast<std::size_t>(bits.rows) * bits.words_per_row() * sizeof(std::uint64_t), stream);
}

/// out = change(in) where the bit is set, in elsewhere. `out` may be `in`.
template <class T, class Change>
struct ChangeRow {
  const T* in;
  BitRows bits;
  T* out;
  Change change;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    const std::int32_t words = bits.words_per_row(), nz = bits.nz;
    auto* flags = reinterpret_cast<std::uint64_t*>(team.scratch);
    const std::uint64_t* row = bits.row(r);
    const T* from = in + r * nz;
    T* to = out + r * nz;
    std::uint64_t any = 0;
    for (std::int32_t w = 0; w < words; ++w) any |= row[w];
    if (any == 0) {
      if (to != from) team.each(nz, [=](std::int32_t z) { to[z] = from[z]; });
      return;
    }
    team.each(words, [=](std::int32_t w) { flags_of_word(row[w], flags + 8 * w); });
    team.sync();
    const auto* flag = reinterpret_cast<const std::uint8_t*>(team.scratch);
    const Change changed = change;
    team.each(nz, [=](std::int32_t z) {
      const T value = from[z], other = changed(value);  // both always, so that the loop vectorises
      to[z] = flag[z] != 0 ? other : value;
    });
  }
};

/// Enqueues the change of bits.rows rows.
template <class T, class Change>
void change_rows(Stream& stream, const T* in, const BitRows& bits, T* out, Change change) {
  parallel::for_each_team(stream, bits.rows, bits.nz, static_cast<std::size_t>(bits.words_per_row()) * 64,
                          ChangeRow<T, Change>{in, bits, out, change});
}

}  // namespace voxd
