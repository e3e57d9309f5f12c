#include <cmath>
#include <limits>

#include "gpu_transforms/intensity.h"
#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference.h"

namespace scale_intensity_test {

using namespace voxd;
using namespace voxd::test;

namespace {

/// MONAI's rescale_array, one rounded operation after the other.
void rescale(std::vector<float>& values, std::size_t first, std::size_t count, const ScaleIntensity& p) {
  float low = values[first], high = values[first];
  for (std::size_t i = first; i < first + count; ++i) {
    if (std::isnan(values[i])) low = high = values[i];
    if (std::isnan(low)) break;
    low = std::min(low, values[i]);
    high = std::max(high, values[i]);
  }
  for (std::size_t i = first; i < first + count; ++i) {
    volatile float y = values[i];  // volatile: every operation is rounded
    if (low == high) {
      if (p.minv) y = y * static_cast<float>(*p.minv);
    } else {
      y = y - low;
      y = y / (high - low);
      if (p.minv && p.maxv) {
        y = y * static_cast<float>(*p.maxv - *p.minv);
        y = y + static_cast<float>(*p.minv);
      }
    }
    values[i] = y;
  }
}

std::vector<float> expected(const HostVolume& volume, const ScaleIntensity& p) {
  std::vector<float> values = as_floats(volume);
  if (!p.minv && !p.maxv) {
    if (p.factor)
      for (float& v : values) v *= static_cast<float>(1 + *p.factor);
    return values;
  }
  const std::size_t sets = p.channel_wise ? static_cast<std::size_t>(volume.channels) : 1;
  for (std::size_t set = 0; set < sets; ++set) rescale(values, set * values.size() / sets, values.size() / sets, p);
  return values;
}

void check(const HostVolume& volume, const ScaleIntensity& params) {
  const std::vector<float> wanted = expected(volume, params);
  on_every_backend(
      volume, [&](const DeviceVolume& v, Workspace& w) { return scale_intensity(v, params, w); },
      [&](const HostVolume& result) {
        REQUIRE(result.geometry == volume.geometry);
        REQUIRE(differences(result, wanted) == 0);
      });
}

HostVolume with_one(float value) {
  HostVolume volume = Random(302).intensities(DType::f32, 1, {9, 8, 130}, false);
  volume.as<float>()[5000] = value;
  return volume;
}

std::vector<float> scaled(const HostVolume& volume, const ScaleIntensity& params = {}) {
  return as_floats(result_on_every_backend(
      volume, [&](const DeviceVolume& v, Workspace& w) { return scale_intensity(v, params, w); }));
}

}  // namespace

TEST_CASE("scaling to a range is MONAI's formula, bit for bit, for every type and choice", "[scale]") {
  Random random(300);
  CAPTURE(random.seed());
  const DType types[] = {DType::f32, DType::f32, DType::u8, DType::i16, DType::i32, DType::f64, DType::u16};
  for (int round = 0; round < 280; ++round) {
    ScaleIntensity params;
    params.minv = random.one_in(4) ? std::nullopt : std::optional(random.real(-3, 3));
    params.maxv = random.one_in(4) ? std::nullopt : std::optional(random.real(-3, 3));
    if (random.one_in(2)) params.factor = random.real(-2, 2);
    params.channel_wise = random.one_in(2);
    const HostVolume volume =
        random.intensities(types[round % 7], random.between(1, 3), random.size(20), random.one_in(3));
    CAPTURE(round, name_of(volume.dtype), to_string(volume.geometry.size), params.channel_wise);
    check(volume, params);
  }
}

TEST_CASE("a constant volume is multiplied with the lower end of the range", "[scale]") {
  HostVolume volume = with_one(0);
  for (float& v : volume.as<float>()) v = 7;
  ScaleIntensity params;
  params.minv = -1.0;
  REQUIRE(scaled(volume, params)[0] == -7);
  params.minv.reset();
  REQUIRE(scaled(volume, params)[0] == 7);
}

TEST_CASE("a NaN or -inf makes all NaN, +inf itself only", "[scale]") {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();
  for (const float special : {kNan, -kInfinity})
    for (const float v : scaled(with_one(special))) REQUIRE(std::isnan(v));
  const std::vector<float> values = scaled(with_one(kInfinity));
  for (std::size_t i = 0; i < values.size(); ++i) REQUIRE((i == 5000 ? std::isnan(values[i]) : values[i] == 0));
}

TEST_CASE("an empty volume has no range", "[scale]") {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  const HostVolume empty = make_host_volume(DType::f32, 1, {{0, 3, 3}, identity_affine()});
  const auto run = [&](const ScaleIntensity& params) {
    return scale_intensity(upload(empty, bench.workspace()), params, bench.workspace());
  };
  REQUIRE_THROWS_WITH(run({}), Catch::Contains("empty"));
  REQUIRE(run({.minv = std::nullopt, .maxv = std::nullopt, .factor = 2.0, .channel_wise = false}).empty());
}

TEST_CASE("scaling holds its output and 8 bytes per 4096 voxels", "[scale]") {
  const HostVolume volume = Random(301).intensities(DType::i16, 2, {32, 32, 64});
  const std::int64_t peak =
      peak_bytes_of(volume, [](const DeviceVolume& v, Workspace& w) { return scale_intensity(v, {}, w); });
  REQUIRE(peak <= 2 * 65536 * 4 + 2 * 16 * 8 + 64);
}

}  // namespace scale_intensity_test
