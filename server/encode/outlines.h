#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace voxd {

/// Column and row; pixel centres are at whole numbers.
using PixelPoint = std::array<double, 2>;
using Outline = std::vector<PixelPoint>;

/// The closed outlines of the pixels of one label on one plane (columns contiguous), each a polygon without its first
/// point again: around every part (clockwise as shown on a screen) and every hole (the other way). Pixels that touch at
/// a corner only are two parts. Filled by even and odd the polygons hold the centres of exactly these pixels: a
/// polygon's points lie 0.49 of a pixel from the centre of the pixel that they bound, towards its neighbour. It is not
/// half a pixel so that a reader that rounds points to whole pixels gets the same pixels as well. A single pixel is a
/// polygon like any other, of four points. Points on straight lines are left out.
std::vector<Outline> trace_outlines(std::span<const std::uint16_t> plane, std::int32_t columns, std::int32_t rows,
                                    std::uint16_t label);

/// The outlines of trace_outlines() for readers that know no holes: each hole's outline becomes a part of the one
/// around it, entered and left through a slit without width (a keyhole). Filled in any way the polygons hold the same
/// pixel centres as before.
std::vector<Outline> join_holes(const std::vector<Outline>& outlines);

}  // namespace voxd
