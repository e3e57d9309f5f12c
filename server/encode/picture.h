#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace voxd {

struct Rgb {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
  friend bool operator==(const Rgb&, const Rgb&) = default;
};

/// A picture to draw on, pixel (0, 0) top left. What falls outside is not drawn. Used by one thread.
class Picture {
 public:
  /// Throws Error{internal} unless 1 <= width, height <= 16384.
  Picture(int width, int height, Rgb background);

  int width() const { return width_; }
  int height() const { return height_; }
  Rgb at(int x, int y) const { return pixels_[index(x, y)]; }

  void set(int x, int y, Rgb colour);
  void fill(int x, int y, int width, int height, Rgb colour);
  /// Writes with (x, y) as the top left corner, each dot of the 5x7 letters `scale` pixels wide, on a thin dark rim so
  /// that it reads on any ground. There are capitals, digits, the dot and the letters of "cm", "mm" and "ms"; others
  /// are left blank.
  void write(int x, int y, std::string_view text, Rgb colour, int scale);
  /// The same without the rim.
  void write_plain(int x, int y, std::string_view text, Rgb colour, int scale);

  static int text_width(std::string_view text, int scale);
  static int text_height(int scale) { return 7 * scale; }

  /// The picture as a PNG file, 8-bit RGB; the same picture gives the same bytes.
  std::vector<std::byte> png() const;

 private:
  std::size_t index(int x, int y) const {
    return static_cast<std::size_t>(y) * static_cast<std::size_t>(width_) + static_cast<std::size_t>(x);
  }

  int width_;
  int height_;
  std::vector<Rgb> pixels_;
};

}  // namespace voxd
