#include "server/encode/outlines.h"

#include <cstddef>
#include <optional>

namespace voxd {
namespace {

constexpr double reach = 0.49;  // of a point from its pixel's centre

struct Pixel {
  std::int32_t x, y;
};

// East, south, west, north; rows run south.
constexpr Pixel directions[4] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}};

Pixel step(Pixel from, int direction) { return {from.x + directions[direction].x, from.y + directions[direction].y}; }

/// A side of a pixel of the label beyond which there is none.
struct Side {
  Pixel pixel;
  int direction;
};

class Tracer {
 public:
  Tracer(std::span<const std::uint16_t> plane, std::int32_t columns, std::int32_t rows, std::uint16_t label)
      : plane_(plane), columns_(columns), rows_(rows), label_(label), traced_(plane.size()) {}

  std::vector<std::vector<PixelPoint>> trace() {
    std::vector<std::vector<PixelPoint>> outlines;
    for (std::int32_t y = 0; y < rows_; ++y)
      for (std::int32_t x = 0; x < columns_; ++x) {
        if (!inside({x, y})) continue;
        for (int direction = 0; direction < 4; ++direction)
          if (is_open({{x, y}, direction})) outlines.push_back(follow({{x, y}, direction}));
      }
    return outlines;
  }

 private:
  std::size_t index(Pixel pixel) const {
    return static_cast<std::size_t>(pixel.y) * static_cast<std::size_t>(columns_) + static_cast<std::size_t>(pixel.x);
  }
  bool inside(Pixel pixel) const {
    return pixel.x >= 0 && pixel.y >= 0 && pixel.x < columns_ && pixel.y < rows_ && plane_[index(pixel)] == label_;
  }
  bool is_open(const Side& side) const {
    return !inside(step(side.pixel, side.direction)) && (traced_[index(side.pixel)] >> side.direction & 1) == 0;
  }

  /// With the label to the right: around the corner of the pixel ahead on the outer side, straight on, or around the
  /// own pixel's corner.
  Side next(const Side& side) const {
    const int ahead = (side.direction + 1) % 4;
    const Pixel straight = step(side.pixel, ahead);
    if (!inside(straight)) return {side.pixel, ahead};
    const Pixel outer = step(straight, side.direction);
    return inside(outer) ? Side{outer, (side.direction + 3) % 4} : Side{straight, side.direction};
  }

  std::vector<PixelPoint> follow(const Side& start) {
    std::vector<PixelPoint> outline;
    std::optional<int> before;
    for (Side side = start; is_open(side); side = next(side)) {
      traced_[index(side.pixel)] = static_cast<std::uint8_t>(traced_[index(side.pixel)] | 1 << side.direction);
      const Pixel towards = directions[side.direction];
      const PixelPoint point{side.pixel.x + reach * towards.x, side.pixel.y + reach * towards.y};
      // A run of one direction is one line: its middle points are replaced by its last.
      if (before == side.direction && outline.size() > 1 && is_line(outline[outline.size() - 2], outline.back(), point))
        outline.back() = point;
      else
        outline.push_back(point);
      before = side.direction;
    }
    return outline;
  }

  static bool is_line(const PixelPoint& a, const PixelPoint& b, const PixelPoint& c) {
    return (a[0] == b[0] && b[0] == c[0]) || (a[1] == b[1] && b[1] == c[1]);
  }

  const std::span<const std::uint16_t> plane_;
  const std::int32_t columns_, rows_;
  const std::uint16_t label_;
  std::vector<std::uint8_t> traced_;  // a bit for each side
};

}  // namespace

std::vector<std::vector<PixelPoint>> trace_outlines(std::span<const std::uint16_t> plane, std::int32_t columns,
                                                    std::int32_t rows, std::uint16_t label) {
  return Tracer(plane, columns, rows, label).trace();
}

}  // namespace voxd
