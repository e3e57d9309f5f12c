#include "server/encode/nifti.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "server/decode/nifti.h"
#include "server/encode/gzip_writer.h"
#include "tests/support/catch.h"
#include "tests/support/nifti_builder.h"

namespace voxd::nifti_encode_test {
namespace {

using test::gunzip_bytes;

template <class T>
HostVolume ramp(const Int3& size, const Affine& affine = identity_affine()) {
  HostVolume volume = make_host_volume(dtype_of<T>, 1, {size, affine});
  T value = 0;
  for (T& voxel : volume.as<T>()) voxel = value++;
  return volume;
}

Affine rotation(double about_x, double about_z) {
  const double cx = std::cos(about_x), sx = std::sin(about_x), cz = std::cos(about_z), sz = std::sin(about_z);
  const Affine x{{{1, 0, 0, 0}, {0, cx, -sx, 0}, {0, sx, cx, 0}, {0, 0, 0, 1}}};
  const Affine z{{{cz, -sz, 0, 0}, {sz, cz, 0, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}};
  return z * x;
}

Affine rounded_to_float(Affine affine) {
  for (auto& row : affine)
    for (double& value : row) value = static_cast<float>(value);
  return affine;
}

template <class T>
T field(const std::vector<std::byte>& file, std::size_t offset) {
  T value;
  std::memcpy(&value, file.data() + offset, sizeof value);
  return value;
}

constexpr std::size_t qform_code = 252, sform_code = 254;

/// The affine that a reader sees who has the qform only.
Affine by_qform(std::vector<std::byte> file) {
  std::fill_n(file.begin() + sform_code, 2, std::byte{0});
  return decode_nifti(file, allocate_host, {}).geometry.affine;
}

TEST_CASE("a label map comes back from its NIfTI file with every voxel and the exact affine", "[encode][nifti]") {
  const Affine affine =
      rounded_to_float(rotation(0.3, -2) * Affine{{{0.7, 0, 0, 3}, {0, 0.8, 0, -4}, {0, 0, 5, 1e-3}, {0, 0, 0, 1}}});
  const auto size = GENERATE(Int3{5, 4, 3}, Int3{1, 1, 1}, Int3{130, 3, 129});
  const auto check = [&](const HostVolume& labels) {
    for (const auto& file : {encode_nifti(labels), encode_nifti_gz(labels)}) {
      const HostVolume back = decode_nifti(file, allocate_host, {});
      REQUIRE(back.dtype == labels.dtype);
      REQUIRE(back.geometry == labels.geometry);
      REQUIRE(std::ranges::equal(back.voxels.bytes(), labels.voxels.bytes()));
    }
  };
  check(ramp<std::uint8_t>(size, affine));
  check(ramp<std::uint16_t>(size, affine));
}

TEST_CASE("the mask of a NIfTI image has the image's affine, bit for bit", "[encode][nifti]") {
  test::NiftiSpec spec = test::small_nifti();
  spec.srow = {{{-0.9765625f, 0.1f, 1e-7f, 123.456f},
                {0.033f, -0.3f, 2.2f, -77.7f},
                {0, 0.71f, 4.99999f, 1000.1f},
                {0, 0, 0, 1}}};
  const HostVolume image = decode_nifti(nifti_bytes(spec), allocate_host, {});
  HostVolume mask = make_host_volume(DType::u8, 1, image.geometry);
  std::ranges::fill(mask.voxels.bytes(), std::byte{1});
  REQUIRE(decode_nifti(encode_nifti_gz(mask), allocate_host, {}).geometry.affine == image.geometry.affine);
}

TEST_CASE("the qform says the same as the sform wherever it can", "[encode][nifti][geometry]") {
  const double mirror = GENERATE(1.0, -1.0);
  const double about_x = GENERATE(0.0, 0.4, M_PI / 2, M_PI, -3.0);
  const double about_z = GENERATE(0.0, 1.1, M_PI, -2.5);
  const Affine scale{{{mirror * 0.7, 0, 0, -90}, {0, 0.8, 0, 12}, {0, 0, 3, 5}, {0, 0, 0, 1}}};
  const Affine affine = rotation(about_x, about_z) * scale;
  CAPTURE(mirror, about_x, about_z);
  const auto file = encode_nifti(ramp<std::uint8_t>({3, 2, 2}, affine));
  REQUIRE(field<std::int16_t>(file, qform_code) == 1);
  REQUIRE(field<std::int16_t>(file, sform_code) == 1);
  const Affine read = by_qform(file);
  for (int row = 0; row < 3; ++row)
    for (int column = 0; column < 4; ++column) REQUIRE(read[row][column] == Approx(affine[row][column]).margin(1e-5));
}

TEST_CASE("a sheared affine has no qform", "[encode][nifti][geometry]") {
  const Affine tilted{{{1, 0, 0, 0}, {0, 1, 0.2, 0}, {0, 0, 1, 0}, {0, 0, 0, 1}}};
  const auto file = encode_nifti(ramp<std::uint8_t>({3, 2, 2}, tilted));
  REQUIRE(field<std::int16_t>(file, qform_code) == 0);
  REQUIRE(decode_nifti(file, allocate_host, {}).geometry.affine == rounded_to_float(tilted));
}

TEST_CASE("voxels lie in the file with X fastest, behind a header that says millimetres", "[encode][nifti]") {
  const auto file =
      encode_nifti(ramp<std::uint8_t>({2, 3, 2}, {{{2, 0, 0, 0}, {0, 3, 0, 0}, {0, 0, 4, 0}, {0, 0, 0, 1}}}));
  REQUIRE(file.size() == 352 + 12);
  const std::vector<int> expected{0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11};
  for (std::size_t i = 0; i < 12; ++i) REQUIRE(std::to_integer<int>(file[352 + i]) == expected[i]);
  REQUIRE(field<std::int8_t>(file, 123) == 2);
  REQUIRE(field<float>(file, 80) == 2);
  REQUIRE(field<float>(file, 84) == 3);
  REQUIRE(field<float>(file, 88) == 4);
}

TEST_CASE("probabilities are float32 with their classes along the fourth axis", "[encode][nifti]") {
  HostVolume volume = make_host_volume(DType::f32, 2, {{2, 1, 3}, identity_affine()});
  for (std::size_t i = 0; i < 12; ++i) volume.as<float>()[i] = static_cast<float>(i) / 16;
  const auto file = encode_nifti(volume);
  REQUIRE(file.size() == 352 + 12 * 4);
  const std::vector<int> axes{4, 2, 1, 3, 2, 1};
  for (std::size_t i = 0; i < axes.size(); ++i) REQUIRE(field<std::int16_t>(file, 40 + 2 * i) == axes[i]);
  REQUIRE(field<std::int16_t>(file, 70) == 16);
  REQUIRE(field<std::int16_t>(file, 72) == 32);
  const std::vector<int> expected{0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11};
  for (std::size_t i = 0; i < 12; ++i) REQUIRE(field<float>(file, 352 + 4 * i) == static_cast<float>(expected[i]) / 16);
  const HostVolume one = make_host_volume(DType::f32, 1, {{2, 1, 3}, identity_affine()});
  REQUIRE(field<std::int16_t>(encode_nifti(one), 40) == 3);
}

TEST_CASE("what NIfTI-1 cannot hold is refused", "[encode][nifti]") {
  REQUIRE_THROWS_WITH(encode_nifti(make_host_volume(DType::f64, 1, {{2, 2, 2}, identity_affine()})),
                      "label map: float64, uint8 or uint16 expected");
  REQUIRE_THROWS_WITH(encode_nifti(make_host_volume(DType::f32, 32768, {{1, 1, 1}, identity_affine()})),
                      "probabilities: 32768 channels, NIfTI-1 holds 1 to 32767");
  REQUIRE_THROWS_WITH(encode_nifti(make_host_volume(DType::u8, 2, {{2, 2, 2}, identity_affine()})),
                      "label map: 2 channels, 1 expected");
  REQUIRE_THROWS_WITH(encode_nifti(ramp<std::uint8_t>({32768, 1, 1})),
                      "label map: 32768x1x1 voxels, NIfTI-1 holds 1 to 32767 along an axis");
  Affine affine = identity_affine();
  affine[1][3] = GENERATE(1e300, std::numeric_limits<double>::quiet_NaN());
  REQUIRE_THROWS_WITH(encode_nifti(ramp<std::uint8_t>({2, 2, 2}, affine)), Catch::Contains("does not fit float32"));
}

TEST_CASE("bytes of any number and kind survive gzip_fast", "[encode][gzip]") {
  std::mt19937 random(7);
  for (std::size_t size : {0u, 1u, 1000u, 262144u, 3000000u}) {
    std::vector<std::byte> noise(size), zeros(size);
    for (std::byte& b : noise) b = static_cast<std::byte>(random());
    REQUIRE(gunzip_bytes(gzip_fast(noise)) == noise);
    REQUIRE(gunzip_bytes(gzip_fast(zeros)) == zeros);
    REQUIRE(gzip_fast(zeros).size() <= 64 + size / 50);
  }
}

TEST_CASE("compressing asks often whether it is to go on, and ends with what that throws", "[encode][gzip]") {
  std::mt19937 random(7);
  std::vector<std::byte> noise(8 << 20);
  for (std::byte& b : noise) b = static_cast<std::byte>(random());
  int asked = 0;
  REQUIRE(gunzip_bytes(gzip_fast(noise, [&] { ++asked; })) == noise);
  REQUIRE(asked >= 30);
  const auto give_up = [&] {
    if (--asked == 3) fail(Code::cancelled, "enough");
  };
  REQUIRE_THROWS_WITH(gzip_fast(noise, give_up), "enough");
  REQUIRE(asked == 3);
}

TEST_CASE("the same label map gives the same file", "[encode][nifti]") {
  const HostVolume labels = ramp<std::uint16_t>({60, 50, 40});
  REQUIRE(encode_nifti_gz(labels) == encode_nifti_gz(labels));
  REQUIRE(gunzip_bytes(encode_nifti_gz(labels)) == encode_nifti(labels));
}

}  // namespace
}  // namespace voxd::nifti_encode_test
