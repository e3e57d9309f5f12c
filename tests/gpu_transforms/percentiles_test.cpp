#include <numeric>

#include "gpu_transforms/intensity.h"
#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference.h"

namespace percentiles_test {

using namespace voxd;
using namespace voxd::test;

namespace {

/// numpy.percentile of many values and torch.quantile of up to a million, by sorting.
float percentile(std::vector<float> values, double q) {
  if (std::any_of(values.begin(), values.end(), [](float v) { return std::isnan(v); })) return NAN;
  std::sort(values.begin(), values.end());
  const std::size_t last = values.size() - 1;
  if (values.size() <= 1'000'000) {
    const float rank = static_cast<float>(q / 100) * static_cast<float>(last);
    const std::size_t below = static_cast<std::size_t>(rank), above = static_cast<std::size_t>(std::ceil(rank));
    const float w = rank - static_cast<float>(below), a = values[below], b = values[above];
    volatile float step = b - a;
    step = step * (w < 0.5f ? w : 1 - w);
    return w < 0.5f ? a + step : b - step;
  }
  const double rank = static_cast<double>(last) * (q / 100);
  const std::size_t below = static_cast<std::size_t>(rank), above = std::min(below + 1, last);
  const double w = rank - std::floor(rank), a = values[below], b = values[above];
  const double step = static_cast<double>(values[above] - values[below]);
  return static_cast<float>(w < 0.5 ? a + step * w : b - step * (1 - w));
}

std::vector<float> scaled_by_percentiles(const HostVolume& volume, const ScaleIntensityRangePercentiles& p) {
  std::vector<float> values = as_floats(volume);
  const std::size_t sets = p.channel_wise ? static_cast<std::size_t>(volume.channels) : 1, count = values.size() / sets;
  std::optional<double> b_min = p.b_min, b_max = p.b_max;
  if (p.relative) {
    b_min = (*p.b_max - *p.b_min) * (p.lower / 100) + *p.b_min;
    b_max = (*p.b_max - *p.b_min) * (p.upper / 100) + *p.b_min;
  }
  for (std::size_t set = 0; set < sets; ++set) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(set * count),
               last = first + static_cast<std::ptrdiff_t>(count);
    const float low = percentile({first, last}, p.lower), high = percentile({first, last}, p.upper);
    std::transform(first, last, first, [&](float v) { return scaled(v, low, high - low, b_min, b_max, p.clip); });
  }
  return values;
}

ScaleIntensityRangePercentiles random_params(Random& random) {
  ScaleIntensityRangePercentiles params;
  params.lower = random.one_in(4) ? 0 : random.real(0, 60);
  params.upper = random.one_in(4) ? 100 : random.real(40, 100);
  params.b_min = random.real(-1, 0);
  params.b_max = random.real(0.5, 2);
  params.clip = random.one_in(2);
  params.relative = random.one_in(3);
  params.channel_wise = random.one_in(2);
  return params;
}

void check(const HostVolume& volume, const ScaleIntensityRangePercentiles& params) {
  CAPTURE(params.lower, params.upper, params.channel_wise, params.relative, name_of(volume.dtype),
          to_string(volume.geometry.size), volume.channels);
  const std::vector<float> wanted = scaled_by_percentiles(volume, params);
  on_every_backend(
      volume, [&](const DeviceVolume& v, Workspace& w) { return scale_intensity_range_percentiles(v, params, w); },
      [&](const HostVolume& result) { REQUIRE(differences(result, wanted) == 0); });
}

}  // namespace

TEST_CASE("percentiles are found exactly in random values of every type", "[percentiles]") {
  Random random(10);
  CAPTURE(random.seed());
  for (int round = 0; round < 10; ++round)
    for (const DType dtype : {DType::u8, DType::i16, DType::i32, DType::f32, DType::f64})
      check(random.intensities(dtype, random.between(1, 3), random.size(), false), random_params(random));
}

TEST_CASE("percentiles are found exactly among infinities, denormals and signed zeros", "[percentiles]") {
  Random random(11);
  CAPTURE(random.seed());
  for (int round = 0; round < 10; ++round) {
    HostVolume volume = random.intensities(DType::f32, 1, random.size(), true);
    for (float& v : volume.as<float>())
      if (std::isnan(v)) v = -0.0f;
    check(volume, {.lower = random.real(5, 45),
                   .upper = random.real(55, 95),
                   .b_min = 0.0,
                   .b_max = 1.0,
                   .clip = true,
                   .relative = false,
                   .channel_wise = false});
  }
}

TEST_CASE("beyond a million values the percentiles are NumPy's", "[percentiles]") {
  Random random(12);
  CAPTURE(random.seed());
  for (const Int3& size : {Int3{100, 100, 100}, Int3{1, 1000, 1001}, Int3{127, 125, 67}}) {
    HostVolume volume = random.intensities(DType::f32, 1, size, false);
    for (float& v : volume.as<float>()) v = v < 0 ? 0 : v;  // air: half of all values are equal
    check(volume, {.lower = 0.5,
                   .upper = 99.5,
                   .b_min = 0.0,
                   .b_max = 1.0,
                   .clip = true,
                   .relative = false,
                   .channel_wise = false});
    check(volume, {.lower = 37,
                   .upper = 61.7,
                   .b_min = 0.0,
                   .b_max = 1.0,
                   .clip = false,
                   .relative = false,
                   .channel_wise = false});
  }
}

TEST_CASE("one NaN makes every voxel NaN", "[percentiles]") {
  HostVolume volume = Random(13).intensities(DType::f32, 1, {5, 6, 7}, false);
  volume.as<float>()[17] = std::numeric_limits<float>::quiet_NaN();
  check(volume,
        {.lower = 1, .upper = 99, .b_min = 0.0, .b_max = 1.0, .clip = true, .relative = false, .channel_wise = false});
}

TEST_CASE("a constant volume is shifted to b_min", "[percentiles]") {
  HostVolume volume = make_host_volume(DType::f32, 1, {{4, 4, 4}, identity_affine()});
  for (float& v : volume.as<float>()) v = 7;
  on_every_backend(
      volume,
      [](const DeviceVolume& v, Workspace& w) {
        return scale_intensity_range_percentiles(v,
                                                 {.lower = 1,
                                                  .upper = 99,
                                                  .b_min = 0.25,
                                                  .b_max = 1.0,
                                                  .clip = true,
                                                  .relative = false,
                                                  .channel_wise = false},
                                                 w);
      },
      [](const HostVolume& result) { REQUIRE(differences(result, std::vector<float>(64, 0.25f)) == 0); });
}

TEST_CASE("percentiles outside of 0..100, of nothing, or relative to nothing are refused by name", "[percentiles]") {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  const auto run = [&](const HostVolume& host, const ScaleIntensityRangePercentiles& params) {
    scale_intensity_range_percentiles(upload(host, bench.workspace()), params, bench.workspace());
  };
  const HostVolume volume = Random(14).intensities(DType::f32, 1, {2, 2, 2});
  ScaleIntensityRangePercentiles params;
  params.lower = -1;
  REQUIRE_THROWS_WITH(run(volume, params), Catch::Contains("lower: -1"));
  params.lower = 0;
  params.upper = 100.5;
  REQUIRE_THROWS_WITH(run(volume, params), Catch::Contains("upper: 100.5"));
  params.upper = 99;
  params.relative = true;
  REQUIRE_THROWS_WITH(run(volume, params), Catch::Contains("relative"));
  params.relative = false;
  REQUIRE_THROWS_WITH(run(make_host_volume(DType::f32, 1, {{0, 0, 0}, identity_affine()}), params),
                      Catch::Contains("empty"));
}

TEST_CASE("percentile scaling holds its output and the search", "[percentiles]") {
  for (const DType dtype : {DType::f32, DType::i16}) {
    const HostVolume volume = Random(15).intensities(dtype, 1, {40, 41, 42}, false);
    const std::int64_t peak = peak_bytes_of(volume, [](const DeviceVolume& v, Workspace& w) {
      return scale_intensity_range_percentiles(
          v,
          {.lower = 1, .upper = 99, .b_min = 0.0, .b_max = 1.0, .clip = true, .relative = false, .channel_wise = false},
          w);
    });
    REQUIRE(peak <= 40 * 41 * 42 * 4 + 68000);
  }
}

}  // namespace percentiles_test
