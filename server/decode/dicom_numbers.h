#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <string_view>
#include <system_error>
#include <vector>

#include "gpu_transforms/volume/error.h"

namespace voxd {

/// The numbers of a decimal string (DS) or integer string (IS), separated by backslashes, whatever the locale; spaces
/// and NULs around a number are padding. Throws Error{invalid_argument} naming `tag`, never its text, for what is not a
/// finite decimal number, commas included.
inline std::vector<double> parse_decimals(std::string_view text, const char* tag) {
  constexpr std::string_view padding(" \0", 2);
  std::vector<double> numbers;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\\', begin), text.size());
    std::string_view number = text.substr(begin, end - begin);
    number.remove_prefix(std::min(number.find_first_not_of(padding), number.size()));
    number = number.substr(0, number.find_last_not_of(padding) + 1);
    if (number.starts_with('+')) number.remove_prefix(1);
    double value = 0;
    const auto [stop, fault] = std::from_chars(number.data(), number.data() + number.size(), value);
    if (fault != std::errc() || stop != number.data() + number.size() || !std::isfinite(value))
      fail(Code::invalid_argument, tag, ": number ", numbers.size() + 1, " is not a finite decimal number");
    numbers.push_back(value);
    begin = end + 1;
  }
  return numbers;
}

/// Exactly n of them.
template <std::size_t n>
std::array<double, n> parse_decimals(std::string_view text, const char* tag) {
  const std::vector<double> numbers = parse_decimals(text, tag);
  if (numbers.size() != n) fail(Code::invalid_argument, tag, ": ", numbers.size(), " numbers, ", n, " expected");
  std::array<double, n> result{};
  std::copy(numbers.begin(), numbers.end(), result.begin());
  return result;
}

}  // namespace voxd
