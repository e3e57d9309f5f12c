#include <cmath>
#include <limits>

#include "gpu_transforms/device_volume.h"
#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference.h"

namespace cast_test {

using namespace voxd;
using namespace voxd::test;

namespace {

constexpr DType kTypes[] = {DType::u8,  DType::i8,  DType::u16, DType::i16, DType::u32,
                            DType::i32, DType::u64, DType::i64, DType::f32, DType::f64};

template <class To, class From = float>
std::vector<To> cast(const std::vector<From>& values) {
  HostVolume volume = make_host_volume(dtype_of<From>, 1, {{1, 1, static_cast<int>(values.size())}, identity_affine()});
  std::copy(values.begin(), values.end(), volume.as<From>().begin());
  const HostVolume result =
      result_on_every_backend(volume, [](const DeviceVolume& v, Workspace& w) { return cast_to(v, dtype_of<To>, w); });
  return {result.as<To>().begin(), result.as<To>().end()};
}

}  // namespace

TEST_CASE("values that fit are the same in every type, fractions cut towards zero", "[cast]") {
  Random random(330);
  CAPTURE(random.seed());
  for (const DType from : kTypes)
    for (const DType to : kTypes)
      for (int round = 0; round < 3; ++round) {
        HostVolume volume = random.labels(from, random.between(1, 3), random.size(40), 100, 0.1);
        if (from == DType::f32)
          for (float& v : volume.as<float>()) v += 0.75f;
        CAPTURE(name_of(from), name_of(to), to_string(volume.geometry.size));
        std::vector<float> wanted = as_floats(volume);
        if (to != DType::f32 && to != DType::f64)
          for (float& v : wanted) v = std::trunc(v);
        on_every_backend(
            volume, [&](const DeviceVolume& v, Workspace& w) { return cast_to(v, to, w); },
            [&](const HostVolume& result) {
              REQUIRE(result.dtype == to);
              REQUIRE(result.geometry == volume.geometry);
              REQUIRE(as_floats(result) == wanted);
            });
      }
}

TEST_CASE("of integers that do not fit the low bits are kept", "[cast]") {
  Random random(331);
  CAPTURE(random.seed());
  const HostVolume volume = random.intensities(DType::i64, 2, {7, 9, 70});
  const auto in = volume.as<std::int64_t>();
  on_every_backend(
      volume, [](const DeviceVolume& v, Workspace& w) { return cast_to(v, DType::u8, w); },
      [&](const HostVolume& result) {
        for (std::size_t i = 0; i < in.size(); ++i)
          REQUIRE(result.as<std::uint8_t>()[i] == static_cast<std::uint8_t>(in[i] & 0xff));
      });
}

TEST_CASE("floating point beyond an integer's range becomes what torch makes of it", "[cast]") {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr std::int32_t kLow32 = std::numeric_limits<std::int32_t>::min();
  constexpr std::int64_t kLow64 = std::numeric_limits<std::int64_t>::min();
  const std::vector<float> values = {-1.5f, 300.7f, -300.7f, 70000, 3e9f, -3e9f, 1e10f, 1e30f, kNan, INFINITY};
  REQUIRE(cast<std::uint8_t>(values) == std::vector<std::uint8_t>{255, 44, 212, 112, 0, 0, 0, 0, 0, 0});
  REQUIRE(cast<std::int8_t>(values) == std::vector<std::int8_t>{-1, 44, -44, 112, 0, 0, 0, 0, 0, 0});
  REQUIRE(cast<std::int16_t>(values) == std::vector<std::int16_t>{-1, 300, -300, 4464, 0, 0, 0, 0, 0, 0});
  REQUIRE(cast<std::uint16_t>(values) == std::vector<std::uint16_t>{65535, 300, 65236, 4464, 0, 0, 0, 0, 0, 0});
  REQUIRE(cast<std::int32_t>(values) ==
          std::vector<std::int32_t>{-1, 300, -300, 70000, kLow32, kLow32, kLow32, kLow32, kLow32, kLow32});
  REQUIRE(cast<std::int64_t>(values) == std::vector<std::int64_t>{-1, 300, -300, 70000, 3000000000, -3000000000,
                                                                  10000000000, kLow64, kLow64, kLow64});
  REQUIRE(cast<std::uint64_t>({9.3e18f, -1})[0] == 9300000300729368576u);
  REQUIRE(cast<std::uint32_t>({3e9f, -1}) == std::vector<std::uint32_t>{3000000000u, 4294967295u});
  // Of float64 more bits are left.
  const std::vector<double> precise = {-2147483648.5, 2147483647.5, 4294967297.0, -4294967298.0, 1e300, NAN};
  REQUIRE(cast<std::int32_t>(precise) == std::vector<std::int32_t>{kLow32, 2147483647, kLow32, kLow32, kLow32, kLow32});
  REQUIRE(cast<std::int16_t>(precise) == std::vector<std::int16_t>{0, -1, 0, 0, 0, 0});
  REQUIRE(cast<std::uint8_t>(precise) == std::vector<std::uint8_t>{0, 255, 1, 254, 0, 0});
}

TEST_CASE("a volume of the type asked for is the same memory, any other holds its output", "[cast]") {
  const HostVolume volume = Random(332).intensities(DType::f32, 2, {5, 6, 7});
  const auto peak = [&](DType type) {
    return peak_bytes_of(volume, [&](const DeviceVolume& v, Workspace& w) { return cast_to(v, type, w); });
  };
  REQUIRE(peak(DType::f32) == 0);
  REQUIRE(peak(DType::u8) == 420);
  REQUIRE(peak(DType::f64) == 420 * 8);
}

TEST_CASE("an empty volume has a type as well", "[cast]") {
  on_every_backend(
      make_host_volume(DType::f32, 1, {{0, 3, 3}, identity_affine()}),
      [](const DeviceVolume& v, Workspace& w) { return cast_to(v, DType::i16, w); },
      [](const HostVolume& result) { REQUIRE(result.dtype == DType::i16); });
}

}  // namespace cast_test
