#include "server/encode/preview.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>

#include "server/encode/display_window.h"
#include "server/encode/label_runs.h"
#include "server/encode/picture.h"
#include "server/encode/plane.h"

namespace voxd {
namespace {

constexpr Rgb background{16, 16, 20};
constexpr Rgb lettering{210, 210, 210};
constexpr int margin_px = 12;
constexpr int smallest_panel_px = 64;

// Bright hues that occur in no grey image, neighbours in the list far apart.
constexpr Rgb label_colours[] = {{255, 214, 0},   {0, 200, 255}, {255, 80, 200}, {90, 255, 60},  {255, 120, 0},
                                 {150, 130, 255}, {0, 255, 190}, {255, 70, 70},  {210, 255, 90}, {255, 170, 220}};

Rgb colour_of(std::uint16_t label) { return label_colours[(label - 1) % std::size(label_colours)]; }

/// One of the three views: which anatomical axes its left and top show, and the letters at its edges.
struct View {
  std::size_t left;
  std::size_t top;
  std::array<std::string_view, 4> letters;  // left, right, top, bottom
};
constexpr View views[] = {{0, 1, {"R", "L", "A", "P"}}, {0, 2, {"R", "L", "S", "I"}}, {1, 2, {"A", "P", "S", "I"}}};

void check(const HostVolume& image, const HostVolume& mask, const PreviewOptions& options) {
  if (image.geometry.size != mask.geometry.size)
    fail(Code::invalid_argument, "preview: the mask has ", to_string(mask.geometry.size), " voxels, the image ",
         to_string(image.geometry.size));
  if (image.geometry.voxels() <= 0 || image.channels < 1) fail(Code::invalid_argument, "preview: the image is empty");
  if (options.plane_px < 64 || options.plane_px > 2048)
    fail(Code::invalid_argument, "preview: plane_px is ", options.plane_px, ", 64 to 2048 allowed");
}

/// The voxel of the mask nearest to its centre of mass; the grid's centre if the mask is empty.
Int3 centre_of(const HostVolume& mask) {
  std::int64_t count = 0;
  std::array<std::int64_t, 3> sum{};
  for_each_label_run(mask, [&](std::uint32_t, std::int32_t x, std::int32_t y, std::int32_t z0, std::int32_t z1) {
    const std::int64_t length = z1 - z0;
    count += length;
    sum[0] += length * x;
    sum[1] += length * y;
    sum[2] += length * (std::int64_t{z0} + z1 - 1) / 2;
  });
  const Int3& size = mask.geometry.size;
  if (count == 0) return {size[0] / 2, size[1] / 2, size[2] / 2};

  Vec3 mass{};
  for (std::size_t axis = 0; axis < 3; ++axis) mass[axis] = static_cast<double>(sum[axis]) / static_cast<double>(count);
  const Vec3 spacing = spacing_mm(mask.geometry.affine);
  Int3 nearest{};
  double least = std::numeric_limits<double>::infinity();
  for_each_label_run(mask, [&](std::uint32_t, std::int32_t x, std::int32_t y, std::int32_t z0, std::int32_t z1) {
    const auto z = static_cast<std::int32_t>(std::lround(std::clamp<double>(mass[2], z0, z1 - 1)));
    const double dx = (x - mass[0]) * spacing[0], dy = (y - mass[1]) * spacing[1], dz = (z - mass[2]) * spacing[2];
    const double distance = dx * dx + dy * dy + dz * dz;
    if (distance < least) {
      least = distance;
      nearest = {x, y, z};
    }
  });
  return nearest;
}

/// A view's place in the picture and its scale.
struct Panel {
  int left = 0;  // of the panel, which may be wider than the plane
  int width = 0;
  int top = 0;  // of the plane
  int plane_width = 0;
  int plane_height = 0;
  double px_per_mm = 0;

  int plane_left() const { return left + (width - plane_width) / 2; }
};

Vec3 extent_mm(const Geometry& geometry, const Orientation& orientation) {
  const Vec3 spacing = spacing_mm(geometry.affine);
  Vec3 extent{};
  for (std::size_t world = 0; world < 3; ++world) {
    const auto axis = static_cast<std::size_t>(orientation.voxel_axis[world]);
    extent[world] = geometry.size[axis] * spacing[axis];
  }
  return extent;
}

/// One scale for all three planes, unless one of them would come out less than half as large as it could be.
std::array<Panel, 3> lay_out(const Vec3& extent, int plane_px) {
  const double longest = *std::max_element(extent.begin(), extent.end());
  std::array<Panel, 3> panels;
  int left = margin_px;
  for (std::size_t i = 0; i < 3; ++i) {
    const double across = extent[views[i].left], down = extent[views[i].top];
    const double own_longest = std::max(across, down);
    Panel& panel = panels[i];
    panel.px_per_mm = plane_px / (2 * own_longest < longest ? own_longest : longest);
    panel.plane_width = std::max(1, static_cast<int>(std::lround(across * panel.px_per_mm)));
    panel.plane_height = std::max(1, static_cast<int>(std::lround(down * panel.px_per_mm)));
    panel.width = std::max(panel.plane_width, smallest_panel_px);
    panel.left = left;
    left += panel.width + margin_px;
  }
  return panels;
}

Rgb grey(double value, const DisplayWindow& window) {
  const double fraction = std::clamp((value - window.black) / (window.white - window.black), 0.0, 1.0);
  const auto level = static_cast<std::uint8_t>(std::lround(255 * fraction));
  return {level, level, level};
}

void draw_image(Picture& picture, const Panel& panel, const Plane<float>& plane, const DisplayWindow& window) {
  const std::vector<float> pixels = resample(plane, panel.plane_width, panel.plane_height);
  auto pixel = pixels.begin();
  for (int y = 0; y < panel.plane_height; ++y)
    for (int x = 0; x < panel.plane_width; ++x)
      picture.set(panel.plane_left() + x, panel.top + y, grey(*pixel++, window));
}

/// Draws the pixels of a label that touch another label, or none, across an edge.
void draw_outlines(Picture& picture, const Panel& panel, const Plane<std::uint16_t>& plane) {
  const int width = panel.plane_width, height = panel.plane_height;
  const std::vector<std::uint16_t> labels = resample_labels(plane, width, height);
  const auto label_at = [&](int x, int y) -> std::uint16_t {
    if (x < 0 || x >= width || y < 0 || y >= height) return 0;
    return labels[static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)];
  };
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const std::uint16_t label = label_at(x, y);
      const bool inside = label == label_at(x - 1, y) && label == label_at(x + 1, y) && label == label_at(x, y - 1) &&
                          label == label_at(x, y + 1);
      if (label != 0 && !inside) picture.set(panel.plane_left() + x, panel.top + y, colour_of(label));
    }
}

/// Letters stand inside the plane's edges where it is high enough, else right outside of them.
void write_letters(Picture& picture, const Panel& panel, const View& view, int scale) {
  const int letter_width = Picture::text_width("R", scale), letter_height = Picture::text_height(scale);
  const int inset = 3 * scale;
  const bool roomy = panel.plane_height > 10 * letter_height;
  const int middle_x = panel.left + (panel.width - letter_width) / 2;
  const int middle_y = (picture.height() - letter_height) / 2;
  const int plane_bottom = panel.top + panel.plane_height;
  picture.write(panel.left + inset, middle_y, view.letters[0], lettering, scale);
  picture.write(panel.left + panel.width - inset - letter_width, middle_y, view.letters[1], lettering, scale);
  picture.write(middle_x, roomy ? panel.top + inset : panel.top - inset - letter_height, view.letters[2], lettering,
                scale);
  picture.write(middle_x, roomy ? plane_bottom - inset - letter_height : plane_bottom + inset, view.letters[3],
                lettering, scale);
}

/// A bar of the longest round length that takes at most a third of the panel, with its length over it; under the plane
/// where that is too low.
void draw_scale_bar(Picture& picture, const Panel& panel, int scale) {
  struct Length {
    double mm;
    std::string_view text;
  };
  constexpr Length lengths[] = {{100, "10 cm"}, {50, "5 cm"}, {20, "2 cm"}, {10, "1 cm"}, {5, "5 mm"}, {1, "1 mm"}};
  const bool roomy = panel.plane_height > 10 * Picture::text_height(scale);
  for (const Length& length : lengths) {
    const int px = static_cast<int>(std::lround(length.mm * panel.px_per_mm));
    if (px * 3 > panel.width || px < 2) continue;
    const int text_height = Picture::text_height(scale);
    const int plane_bottom = panel.top + panel.plane_height;
    const int x = panel.left + 3 * scale;
    const int y = roomy ? plane_bottom - 4 * scale : plane_bottom + 5 * scale + text_height;
    picture.fill(x - 1, y - 1, px + 2, scale + 2, Rgb{});
    picture.fill(x, y, px, scale, lettering);
    picture.write(x, y - 2 * scale - text_height, length.text, lettering, scale);
    return;
  }
}

}  // namespace

std::vector<std::byte> encode_preview_png(const HostVolume& image, const HostVolume& mask,
                                          const PreviewOptions& options) {
  check(image, mask, options);
  const Int3 centre = centre_of(mask);
  const DisplayWindow window = choose_window(image, mask);
  const Orientation orientation = closest_orientation(image.geometry.affine);
  std::array<Panel, 3> panels = lay_out(extent_mm(image.geometry, orientation), options.plane_px);

  int plane_height = smallest_panel_px;
  for (const Panel& panel : panels) plane_height = std::max(plane_height, panel.plane_height);
  const int text_scale = std::max(1, options.plane_px / 240);
  Picture picture(panels[2].left + panels[2].width + margin_px, plane_height + 2 * margin_px, background);
  for (std::size_t i = 0; i < 3; ++i) {
    Panel& panel = panels[i];
    panel.top = (picture.height() - panel.plane_height) / 2;
    draw_image(picture, panel, cut_plane<float>(image, orientation, centre, views[i].left, views[i].top), window);
    draw_outlines(picture, panel, cut_plane<std::uint16_t>(mask, orientation, centre, views[i].left, views[i].top));
    write_letters(picture, panel, views[i], text_scale);
    draw_scale_bar(picture, panel, text_scale);
  }
  return picture.png();
}

}  // namespace voxd
