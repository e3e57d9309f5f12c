#pragma once

#include <cstdint>

#if !defined(__CUDACC__)
#include <atomic>
#include <bit>
#else
#include <cuda/atomic>
#include <cuda/std/bit>
#endif
#if defined(__AVX2__) && !defined(__CUDACC__)
#include <immintrin.h>
#endif

// What a function object that runs on either device may use: integer atomics and bit tricks under one name.
// This file and parallel.h are the only ones that know which compiler reads them.

#if defined(__CUDACC__)
#define VOXD_HD __host__ __device__
/// Stands before a loop whose iterations do not depend on each other.
#define VOXD_INDEPENDENT
#else
#define VOXD_HD
#define VOXD_INDEPENDENT _Pragma("GCC ivdep")
#endif

namespace voxd {

#if defined(__CUDACC__)
template <class T>
using AtomicRef = cuda::atomic_ref<T, cuda::thread_scope_device>;
inline constexpr auto kRelaxed = cuda::memory_order_relaxed;
#else
template <class T>
using AtomicRef = std::atomic_ref<T>;
inline constexpr auto kRelaxed = std::memory_order_relaxed;
#endif

/// Relaxed: order between threads comes from the end of the launch only. Integers only, so that no result depends on
/// the order of the threads.
template <class T>
VOXD_HD void atomic_add(T* where, T value) {
  AtomicRef<T>(*where).fetch_add(value, kRelaxed);
}

/// Returns what was there before.
template <class T>
VOXD_HD T atomic_min(T* where, T value) {
  AtomicRef<T> cell(*where);
  T seen = cell.load(kRelaxed);
  while (value < seen && !cell.compare_exchange_weak(seen, value, kRelaxed, kRelaxed)) {
  }
  return seen;
}

template <class T>
VOXD_HD T atomic_load(T* where) {
  return AtomicRef<T>(*where).load(kRelaxed);
}

template <class T>
VOXD_HD void atomic_store(T* where, T value) {
  AtomicRef<T>(*where).store(value, kRelaxed);
}

/// On the CPU, asks for `count` elements to come to the cache.
template <class T>
VOXD_HD void prefetch(const T* first, std::int32_t count) {
#if !defined(__CUDA_ARCH__)
  constexpr std::int32_t kLine = 64 / sizeof(T);
  for (std::int32_t i = 0; i < count; i += kLine) __builtin_prefetch(first + i);
#else
  static_cast<void>(first);
  static_cast<void>(count);
#endif
}

/// Number of zero bits below the lowest set bit; 64 if there is none.
VOXD_HD inline int trailing_zeros(std::uint64_t word) {
#if defined(__CUDACC__)
  return cuda::std::countr_zero(word);
#else
  return std::countr_zero(word);
#endif
}

/// Number of zero bits above the highest set bit; 64 if there is none.
VOXD_HD inline int leading_zeros(std::uint64_t word) {
#if defined(__CUDACC__)
  return cuda::std::countl_zero(word);
#else
  return std::countl_zero(word);
#endif
}

VOXD_HD inline int set_bits(std::uint64_t word) {
#if defined(__CUDACC__)
  return cuda::std::popcount(word);
#else
  return std::popcount(word);
#endif
}

/// The 64 flags (bytes that are 0 or 1, 8-byte aligned) as one word, the first as its lowest bit.
VOXD_HD inline std::uint64_t word_of_flags(const std::uint64_t* flags) {
#if defined(__AVX2__) && !defined(__CUDACC__)
  // The instruction takes the highest bit of every byte.
  const auto half = [flags](int i) {
    __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(flags) + i);
    return std::uint64_t{static_cast<std::uint32_t>(_mm256_movemask_epi8(_mm256_slli_epi16(bytes, 7)))};
  };
  return half(0) | half(1) << 32;
#else
  // The product moves byte i's bit to position 56 + i; no two bits meet.
  std::uint64_t word = 0;
  for (int i = 0; i < 8; ++i) word |= (flags[i] * 0x0102040810204080u >> 56) << (8 * i);
  return word;
#endif
}

/// The float32 with these bits.
VOXD_HD inline float float_of_bits(std::uint32_t bits) {
#if defined(__CUDACC__)
  return cuda::std::bit_cast<float>(bits);
#else
  return std::bit_cast<float>(bits);
#endif
}

VOXD_HD inline std::uint32_t bits_of_float(float value) {
#if defined(__CUDACC__)
  return cuda::std::bit_cast<std::uint32_t>(value);
#else
  return std::bit_cast<std::uint32_t>(value);
#endif
}

}  // namespace voxd
