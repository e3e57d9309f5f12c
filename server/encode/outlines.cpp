#include "server/encode/outlines.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

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

  std::vector<Outline> trace() {
    std::vector<Outline> outlines;
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

  Outline follow(const Side& start) {
    Outline outline;
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

/// Holes run the other way round.
bool is_hole(const Outline& outline) {
  double twice_area = 0;
  for (std::size_t i = 0; i < outline.size(); ++i) {
    const PixelPoint &a = outline[i], &b = outline[(i + 1) % outline.size()];
    twice_area += a[0] * b[1] - b[0] * a[1];
  }
  return twice_area < 0;
}

/// The outline begun anew at the first of its points that are farthest to the left. That is the middle of a pixel's
/// side, in the middle of a row.
Outline from_leftmost(Outline outline) {
  std::rotate(outline.begin(), std::min_element(outline.begin(), outline.end()), outline.end());
  return outline;
}

/// A point of an outline, between its points `after` and the next.
struct Crossing {
  Outline* outline;
  std::size_t after;
  PixelPoint point;
};

/// Where one first meets an outline, going left from a point in the middle of a row. Lines that cross there between
/// their ends are upright.
Crossing leftwards(std::vector<Outline>& outlines, const PixelPoint& from) {
  Crossing nearest{nullptr, 0, {}};
  for (Outline& outline : outlines)
    for (std::size_t i = 0; i < outline.size(); ++i) {
      const PixelPoint &a = outline[i], &b = outline[(i + 1) % outline.size()];
      if ((a[1] <= from[1]) == (b[1] <= from[1])) continue;
      const double x = b[1] == from[1] ? b[0] : a[0];
      if (x < from[0] && (nearest.outline == nullptr || x > nearest.point[0])) nearest = {&outline, i, {x, from[1]}};
    }
  return nearest;
}

}  // namespace

std::vector<Outline> trace_outlines(std::span<const std::uint16_t> plane, std::int32_t columns, std::int32_t rows,
                                    std::uint16_t label) {
  return Tracer(plane, columns, rows, label).trace();
}

std::vector<Outline> join_holes(const std::vector<Outline>& outlines) {
  std::vector<Outline> joined, holes;
  for (const Outline& outline : outlines)
    is_hole(outline) ? holes.push_back(from_leftmost(outline)) : joined.push_back(outline);
  // What lies to the left of a hole is the outline around both or a hole that begins farther to the left, joined by
  // then.
  std::sort(holes.begin(), holes.end());
  for (Outline& hole : holes) {
    const auto [around, after, point] = leftwards(joined, hole.front());
    hole.push_back(hole.front());
    if ((*around)[after] != point) hole.insert(hole.begin(), point);
    if ((*around)[(after + 1) % around->size()] != point) hole.push_back(point);
    around->insert(around->begin() + static_cast<std::ptrdiff_t>(after) + 1, hole.begin(), hole.end());
  }
  return joined;
}

}  // namespace voxd
