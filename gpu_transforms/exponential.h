#pragma once

#include <cstdint>

#include "gpu_transforms/backend.h"

namespace voxd {

/// e^x within 1 ulp; NaN, infinities, overflow to infinity and gradual underflow as IEEE arithmetic has them. Plain
/// arithmetic without branches or fused operations: vectorises, and gives the same bits on every backend.
VOXD_HD inline float exponential(float given) {
  // e^x = 2^n * e^r with n whole and |r| <= ln(2) / 2. Beyond +-104 the result is 0 or infinite in any case. What
  // would become branches with comparisons of floats, and keep loops from being vectorised, is done on their bits; NaN
  // stays as it is.
  constexpr std::uint32_t kMost = 0x42d00000u, kInfinity = 0x7f800000u;  // 104
  const std::uint32_t bits = bits_of_float(given), magnitude = bits & 0x7fffffffu;
  const std::uint32_t limited = magnitude < kMost ? magnitude : kMost;
  const float x = float_of_bits((magnitude > kInfinity ? magnitude : limited) | (bits & 0x80000000u));
  // Adding 1.5 * 2^23 rounds to a whole number and leaves it in the low bits.
  constexpr float kRounder = 12582912.0f;
  const float shifted = x * 1.44269504f + kRounder;
  const float n = shifted - kRounder;
  // ln(2) in two parts, of which the first times n is exact.
  const float r = x - n * 0x1.63p-1f - n * -0x1.bd0106p-13f;
  // (e^r - 1 - r) / r^2: the polynomial of degree 4 with the smallest relative error of e^r, 3e-9.
  float p = 0x1.6a23c8p-10f;
  p = p * r + 0x1.123a20p-7f;
  p = p * r + 0x1.5558f4p-5f;
  p = p * r + 0x1.555492p-3f;
  p = p * r + 0x1.fffffcp-2f;
  const float y = p * r * r + r + 1.0f;
  // 2^n in two factors, because one alone may overflow, or be subnormal, where the result is neither.
  const std::uint32_t whole = bits_of_float(shifted) - bits_of_float(kRounder);
  const std::uint32_t half = static_cast<std::uint32_t>(static_cast<std::int32_t>(whole) >> 1), rest = whole - half;
  return y * float_of_bits((half + 127) << 23) * float_of_bits((rest + 127) << 23);
}

}  // namespace voxd
