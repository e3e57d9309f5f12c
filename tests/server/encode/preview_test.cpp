#include "server/encode/preview.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include "tests/support/catch.h"
#include "tests/support/png_reader.h"

namespace voxd::preview_test {
namespace {

using test::read_png;
using test::RgbImage;

/// A patient: what lies at a point, R A S in millimetres from the middle.
using Patient = std::function<double(double right, double anterior, double superior)>;

struct Scan {
  HostVolume image;
  HostVolume mask;
};

/// Scans a patient on a grid whose axes run along any anatomical axes in any sense. `size` and `spacing` are those
/// along R, A, S.
Scan scan(const Patient& patient, const Patient& labels, const Int3& size, const Vec3& spacing,
          std::array<std::size_t, 3> order = {0, 1, 2}, std::array<bool, 3> reversed = {}, DType dtype = DType::i16) {
  Geometry geometry;
  Affine affine{};
  affine[3][3] = 1;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::size_t world = order[axis];
    geometry.size[axis] = size[world];
    const double step = reversed[axis] ? -spacing[world] : spacing[world];
    affine[world][axis] = step;
    affine[world][3] = -step * (size[world] - 1) / 2;
  }
  geometry.affine = affine;
  Scan result{make_host_volume(dtype, 1, geometry), make_host_volume(DType::u8, 1, geometry)};
  std::size_t voxel = 0;
  for (int i = 0; i < geometry.size[0]; ++i)
    for (int j = 0; j < geometry.size[1]; ++j)
      for (int k = 0; k < geometry.size[2]; ++k, ++voxel) {
        const Vec3 mm = voxd::apply(affine, {double(i), double(j), double(k)});
        visit_dtype(dtype, [&](auto zero) {
          using T = decltype(zero);
          result.image.as<T>()[voxel] = static_cast<T>(patient(mm[0], mm[1], mm[2]));
        });
        result.mask.as<std::uint8_t>()[voxel] = static_cast<std::uint8_t>(labels(mm[0], mm[1], mm[2]));
      }
  return result;
}

double nothing(double, double, double) { return 0; }
Patient ball(double radius, double label = 1) {
  return [=](double r, double a, double s) { return r * r + a * a + s * s <= radius * radius ? label : 0; };
}

RgbImage preview(const Scan& scanned, const PreviewOptions& options = {}) {
  return read_png(encode_preview_png(scanned.image, scanned.mask, options));
}

bool is_grey(std::span<const std::uint8_t, 3> p) { return p[0] == p[1] && p[1] == p[2]; }

/// Panels lie side by side with 12 px around each.
constexpr int margin = 12;

TEST_CASE("the patient's right is on the left, anterior and superior are up, and sagittal looks to the left",
          "[encode][preview]") {
  // Each octant differs in brightness, one face is the dark background; the cube of 61 voxels fills panels of 480 px.
  const Patient patient = [](double r, double a, double s) {
    return a < -29 ? 0 : 100 + (r > 0 ? 400 : 0) + (a > 0 ? 200 : 0) + (s > 0 ? 100 : 0);
  };
  const RgbImage picture = preview(scan(patient, nothing, {61, 61, 61}, {1, 1, 1}));
  REQUIRE(picture.width == 3 * 480 + 4 * margin);
  REQUIRE(picture.height == 480 + 2 * margin);
  const auto grey = [&](int panel, double across, double down) {
    return int{picture.at(margin + panel * (480 + margin) + int(480 * across), margin + int(480 * down))[0]};
  };
  for (int coronal : {0, 1}) {
    CAPTURE(coronal);
    CHECK(grey(coronal, 0.25, 0.25) > grey(coronal, 0.75, 0.25) + 50);
    CHECK(grey(coronal, 0.25, 0.75) > grey(coronal, 0.75, 0.75) + 50);
    CHECK(grey(coronal, 0.25, 0.25) > grey(coronal, 0.25, 0.75) + 20);
    CHECK(grey(coronal, 0.75, 0.25) > grey(coronal, 0.75, 0.75) + 20);
  }
  CHECK(grey(2, 0.25, 0.25) > grey(2, 0.75, 0.25) + 50);
  CHECK(grey(2, 0.25, 0.25) > grey(2, 0.25, 0.75) + 20);
}

TEST_CASE("a patient looks the same however the grid's axes run", "[encode][preview]") {
  const Patient patient = [](double r, double a, double s) {
    return 500 + 7 * r + 3 * a - 5 * s + (r * a > 30 ? 200 : 0);
  };
  const Patient labels = ball(6);
  const Int3 size{31, 25, 19};
  const Vec3 spacing{1, 1.5, 2};
  const Scan reference = scan(patient, labels, size, spacing);
  const auto expected = encode_preview_png(reference.image, reference.mask);
  std::array<std::size_t, 3> order{0, 1, 2};
  int differing = 0;
  do {
    for (unsigned signs = 0; signs < 8; ++signs) {
      const Scan turned =
          scan(patient, labels, size, spacing, order, {(signs & 1) != 0, (signs & 2) != 0, (signs & 4) != 0});
      differing += encode_preview_png(turned.image, turned.mask) != expected;
    }
  } while (std::next_permutation(order.begin(), order.end()));
  REQUIRE(differing == 0);
}

TEST_CASE("lengths are true in millimetres whatever the voxels are", "[encode][preview]") {
  const Scan thick = scan(ball(40, 800), ball(20), {101, 101, 21}, {1, 1, 5});
  const RgbImage picture = preview(thick);
  // The mask's outline in the coronal panel, 105 mm at 480 px: as wide as high.
  int left = picture.width, right = 0, top = picture.height, bottom = 0;
  const int start = margin + int(std::lround(480 * 101 / 105.0)) + margin;
  for (int y = 0; y < picture.height; ++y)
    for (int x = start; x < start + 462; ++x)
      if (!is_grey(picture.at(x, y)) && picture.at(x, y)[0] > 200) {
        left = std::min(left, x), right = std::max(right, x);
        top = std::min(top, y), bottom = std::max(bottom, y);
      }
  const double px_per_mm = 480 / 105.0;
  REQUIRE(right - left == Approx(41 * px_per_mm).margin(5));
  REQUIRE(bottom - top == Approx(45 * px_per_mm).margin(5));
}

TEST_CASE("the planes go through the mask, even where its centre of mass lies outside of it", "[encode][preview]") {
  const Patient ring = [](double r, double a, double s) {
    const double distance = std::hypot(r, a);
    return std::abs(s - 6) <= 1 && distance > 10 && distance < 14 ? 1 : 0;
  };
  const RgbImage picture = preview(scan(ball(25, 300), ring, {51, 51, 51}, {1, 1, 1}));
  for (int panel = 0; panel < 3; ++panel) {
    int outline = 0;
    for (int y = margin; y < margin + 480; ++y)
      for (int x = 0; x < 480; ++x)
        outline += picture.at(margin + panel * (480 + margin) + x, y)[2] < 40 &&
                   picture.at(margin + panel * (480 + margin) + x, y)[0] > 200;
    CAPTURE(panel);
    REQUIRE(outline > 50);
  }
}

TEST_CASE("each label has an outline of its own colour, its inside stays grey", "[encode][preview]") {
  const Patient halves = [](double r, double a, double s) { return ball(15)(r, a, s) * (r > 0 ? 1 : 2); };
  const RgbImage picture = preview(scan(ball(28, 300), halves, {61, 61, 61}, {1, 1, 1}));
  int yellow = 0, cyan = 0, others = 0;
  for (int y = margin; y < margin + 480; ++y)
    for (int x = margin; x < margin + 480; ++x) {
      const auto p = picture.at(x, y);
      const bool is_yellow = p[0] == 255 && p[1] == 214 && p[2] == 0, is_cyan = p[0] == 0 && p[1] == 200 && p[2] == 255;
      yellow += is_yellow, cyan += is_cyan;
      others += !is_yellow && !is_cyan && !is_grey(p);
    }
  // Half a circle of 15 mm and its diameter, at 480 px for 61 mm: some 600 px; an area would be ten times that.
  CHECK(yellow > 400);
  CHECK(yellow < 1000);
  CHECK(cyan > 400);
  CHECK(cyan < 1000);
  CHECK(others == 0);
}

TEST_CASE("an empty mask gives a picture without an outline", "[encode][preview]") {
  const RgbImage picture = preview(scan(ball(20, 300), nothing, {41, 41, 41}, {1, 1, 1}));
  for (int y = margin; y < margin + 480; ++y)
    for (int x = margin; x < margin + 480; ++x)
      if (!is_grey(picture.at(x, y))) FAIL("coloured at " << x << ", " << y);
}

TEST_CASE("every voxel type, flat images and values that are not numbers can be shown", "[encode][preview]") {
  const auto dtype = GENERATE(DType::u8, DType::i8, DType::u16, DType::i16, DType::f32);
  REQUIRE_NOTHROW(preview(scan(ball(8, 100), ball(4), {21, 21, 21}, {1, 1, 1}, {0, 1, 2}, {}, dtype)));
  REQUIRE_NOTHROW(preview(scan(nothing, ball(4), {21, 21, 21}, {1, 1, 1}, {0, 1, 2}, {}, dtype)));
  Scan nan = scan(nothing, ball(4), {21, 21, 21}, {1, 1, 1}, {0, 1, 2}, {}, DType::f32);
  std::ranges::fill(nan.image.as<float>(), std::numeric_limits<float>::quiet_NaN());
  REQUIRE_NOTHROW(preview(nan));
  nan.image.as<float>()[5000] = std::numeric_limits<float>::infinity();
  nan.image.as<float>()[5001] = std::numeric_limits<float>::max();
  nan.image.as<float>()[5002] = std::numeric_limits<float>::lowest();
  REQUIRE_NOTHROW(preview(nan));
}

TEST_CASE("a single slice and a rod of voxels have a picture", "[encode][preview]") {
  const auto size = GENERATE(Int3{50, 40, 1}, Int3{1, 1, 300}, Int3{1, 1, 1}, Int3{700, 1, 2});
  const RgbImage picture = preview(scan([](double r, double, double) { return r; }, nothing, size, {1, 1, 1}));
  CHECK(picture.width <= 3 * 480 + 4 * margin);
  CHECK(picture.height <= 480 + 2 * margin);
  CHECK(picture.height >= 64);
}

TEST_CASE("the picture's size follows the option", "[encode][preview]") {
  const Scan cube = scan(ball(8, 100), ball(4), {21, 21, 21}, {1, 1, 1});
  REQUIRE(preview(cube, {.plane_px = 100}).height == 100 + 2 * margin);
  REQUIRE_THROWS_WITH(preview(cube, {.plane_px = 5000}), "preview: plane_px is 5000, 64 to 2048 allowed");
}

TEST_CASE("a mask on another grid is refused", "[encode][preview]") {
  const Scan a = scan(nothing, nothing, {4, 4, 4}, {1, 1, 1}), b = scan(nothing, nothing, {4, 4, 5}, {1, 1, 1});
  REQUIRE_THROWS_WITH(encode_preview_png(a.image, b.mask), "preview: the mask has 4x4x5 voxels, the image 4x4x4");
  REQUIRE_THROWS_AS(encode_preview_png(a.image, a.image), Error);
}

}  // namespace
}  // namespace voxd::preview_test
