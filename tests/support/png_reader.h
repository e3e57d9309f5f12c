#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace voxd::test {

/// A decoded picture: rows from the top, 8-bit R, G, B for each pixel.
struct RgbImage {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> rgb;

  std::span<const std::uint8_t, 3> at(int x, int y) const {
    return std::span<const std::uint8_t, 3>(rgb.data() + 3 * (std::size_t(y) * std::size_t(width) + std::size_t(x)), 3);
  }
};

/// Decodes a PNG file. Throws Error{invalid_argument} with libpng's message if it is none.
RgbImage read_png(std::span<const std::byte> file);

}  // namespace voxd::test
