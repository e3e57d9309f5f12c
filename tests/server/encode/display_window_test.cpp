#include "server/encode/display_window.h"

#include <algorithm>
#include <cmath>

#include "tests/support/catch.h"

namespace voxd::display_window_test {
namespace {

constexpr Int3 size{40, 40, 40};
constexpr std::size_t voxels = 40 * 40 * 40;

HostVolume mask_of(std::size_t first, std::size_t count) {
  HostVolume mask = make_host_volume(DType::u8, 1, {size, identity_affine()});
  std::ranges::fill(mask.as<std::uint8_t>(), std::uint8_t{0});
  std::fill_n(mask.as<std::uint8_t>().begin() + std::ptrdiff_t(first), count, std::uint8_t{1});
  return mask;
}

/// A third air, a third lung or bone or whatever `second` says, a third muscle at 50.
HostVolume ct(std::int16_t second) {
  HostVolume image = make_host_volume(DType::i16, 1, {size, identity_affine()});
  const auto values = image.as<std::int16_t>();
  for (std::size_t i = 0; i < voxels; ++i) values[i] = i < voxels / 3 ? -1000 : i < 2 * voxels / 3 ? second : 50;
  return image;
}

TEST_CASE("a CT is shown in the window of what the mask covers", "[encode][window]") {
  const HostVolume muscle = mask_of(2 * voxels / 3 + 1, 1000), second = mask_of(voxels / 3 + 1, 1000);
  CHECK(choose_window(ct(-800), muscle).black == -160);
  CHECK(choose_window(ct(-800), second).black == -1350);
  CHECK(choose_window(ct(700), second).white == 1300);
  CHECK(choose_window(ct(700), mask_of(0, 0)).white == 240);
}

TEST_CASE("an MR is shown from its first to its last half percent above the background", "[encode][window]") {
  HostVolume image = make_host_volume(DType::u16, 1, {size, identity_affine()});
  const auto values = image.as<std::uint16_t>();
  for (std::size_t i = 0; i < voxels; ++i) values[i] = i % 2 == 0 ? 0 : static_cast<std::uint16_t>(1000 + i / 2 % 1000);
  values[1] = 60000;
  const DisplayWindow window = choose_window(image, mask_of(0, 10));
  CHECK(window.black == Approx(1005).margin(2));
  CHECK(window.white == Approx(1995).margin(2));
}

TEST_CASE("a flat image has a window that is not empty", "[encode][window]") {
  HostVolume image = make_host_volume(DType::f32, 1, {size, identity_affine()});
  const float value = GENERATE(0.f, -3.f, std::nanf(""));
  std::ranges::fill(image.as<float>(), value);
  const DisplayWindow flat = choose_window(image, mask_of(0, 10));
  CHECK(flat.white > flat.black);
  image.as<float>()[7] = 9;
  const DisplayWindow spot = choose_window(image, mask_of(0, 10));
  CHECK(spot.white > spot.black);
}

}  // namespace
}  // namespace voxd::display_window_test
