#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>

#include "gpu_transforms/volume/error.h"

namespace voxd {

/// a*b*c..., or Error{invalid_argument} naming `what` if a factor is negative or the product does not fit 63 bits.
/// Every size that comes from outside goes through here before it is allocated or compared.
inline std::int64_t checked_product(std::initializer_list<std::int64_t> factors, const char* what) {
  std::int64_t product = 1;
  for (std::int64_t factor : factors) {
    if (factor < 0) fail(Code::invalid_argument, what, ": negative size ", factor);
    if (__builtin_mul_overflow(product, factor, &product))
      fail(Code::invalid_argument, what, ": the size does not fit 63 bits");
  }
  return product;
}

/// a+b, or Error{invalid_argument} naming `what` if the sum does not fit 63 bits.
inline std::int64_t checked_sum(std::int64_t a, std::int64_t b, const char* what) {
  std::int64_t sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) fail(Code::invalid_argument, what, ": the size does not fit 63 bits");
  return sum;
}

}  // namespace voxd
