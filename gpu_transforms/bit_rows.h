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

/// Eight bytes that are 0 or 1 -> eight bits, first byte first. The product moves byte i's bit to position 56 + i; no
/// two bits meet.
VOXD_HD inline std::uint64_t bits_of_bytes(std::uint64_t bytes) { return bytes * 0x0102040810204080u >> 56; }

/// Eight bits -> eight bytes that are 0 or 1.
VOXD_HD inline std::uint64_t bytes_of_bits(std::uint64_t bits) {
  const std::uint64_t one_each = bits * 0x0101010101010101u & 0x8040201008040201u;
  return (one_each + 0x7f7f7f7f7f7f7f7fu) >> 7 & 0x0101010101010101u;
}

/// The 64 flags (bytes 0 or 1, 8-byte aligned) as one word.
VOXD_HD inline std::uint64_t word_of_flags(const std::uint64_t* flags) {
  std::uint64_t word = 0;
  for (int i = 0; i < 8; ++i) word |= bits_of_bytes(flags[i]) << (8 * i);
  return word;
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

}  // namespace voxd
