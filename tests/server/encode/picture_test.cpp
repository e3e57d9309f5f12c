#include "server/encode/picture.h"

#include "gpu_transforms/volume/error.h"
#include "tests/support/catch.h"
#include "tests/support/png_reader.h"

namespace voxd::picture_test {
namespace {

int drawn(const Picture& picture, Rgb colour) {
  int count = 0;
  for (int y = 0; y < picture.height(); ++y)
    for (int x = 0; x < picture.width(); ++x) count += picture.at(x, y) == colour;
  return count;
}

constexpr Rgb ground{1, 2, 3};
constexpr Rgb ink{250, 100, 7};

TEST_CASE("a picture's pixels come back from its PNG file", "[encode][picture]") {
  Picture picture(5, 3, ground);
  picture.set(4, 2, ink);
  const auto read = test::read_png(picture.png());
  REQUIRE(read.width == 5);
  REQUIRE(read.height == 3);
  REQUIRE(read.at(4, 2)[0] == 250);
  REQUIRE(read.at(4, 2)[2] == 7);
  REQUIRE(read.at(0, 0)[1] == 2);
  REQUIRE(picture.png() == picture.png());
}

TEST_CASE("what falls outside of a picture is not drawn", "[encode][picture]") {
  Picture picture(4, 4, ground);
  picture.set(-1, 0, ink);
  picture.set(0, 4, ink);
  picture.fill(-10, -10, 5, 50, ink);
  picture.write(-100, 2, "RLAPSI", ink, 2);
  REQUIRE(drawn(picture, ground) == 16);
  picture.fill(3, 3, 10, 10, ink);
  REQUIRE(drawn(picture, ink) == 1);
}

TEST_CASE("every letter has a shape of its own", "[encode][picture]") {
  std::vector<std::vector<std::byte>> shapes;
  for (char letter : std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789cms.")) {
    Picture picture(9, 11, ground);
    picture.write(2, 2, std::string_view(&letter, 1), ink, 1);
    CAPTURE(letter);
    CHECK(drawn(picture, ink) >= 4);
    for (const auto& other : shapes) CHECK(picture.png() != other);
    shapes.push_back(picture.png());
  }
  Picture picture(9, 11, ground);
  picture.write(2, 2, "?", ink, 1);
  CHECK(drawn(picture, ground) == 99);
}

TEST_CASE("a picture without pixels is refused", "[encode][picture]") {
  REQUIRE_THROWS_AS(Picture(0, 5, ground), Error);
  REQUIRE_THROWS_AS(Picture(5, 20000, ground), Error);
}

}  // namespace
}  // namespace voxd::picture_test
