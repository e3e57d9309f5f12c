#include "gpu_transforms/intensity.h"
#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference.h"

namespace normalize_test {

using namespace voxd;
using namespace voxd::test;

namespace {

/// Mean and deviation in long double over what takes part.
std::vector<float> normalized(const HostVolume& volume, const NormalizeIntensity& p) {
  std::vector<float> values = as_floats(volume);
  const std::size_t sets = p.channel_wise ? static_cast<std::size_t>(volume.channels) : 1, count = values.size() / sets;
  for (std::size_t set = 0; set < sets; ++set) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(set * count),
               last = first + static_cast<std::ptrdiff_t>(count);
    long double sum = 0, squares = 0, n = 0;
    const auto counts = [&](float v) { return !p.nonzero || v != 0; };
    for (auto v = first; v != last; ++v) sum += counts(*v) ? *v : 0, n += counts(*v);
    for (auto v = first; v != last; ++v) squares += counts(*v) ? (*v - sum / n) * (*v - sum / n) : 0;
    const auto given = [&](const std::vector<double>& values_given) {
      return values_given[values_given.size() == 1 ? 0 : set];
    };
    const float mean = p.subtrahend.empty() ? static_cast<float>(sum / n) : static_cast<float>(given(p.subtrahend));
    float deviation =
        p.divisor.empty() ? static_cast<float>(std::sqrt(squares / n)) : static_cast<float>(given(p.divisor));
    if (deviation == 0) deviation = 1;
    std::transform(first, last, first, [&](float v) { return counts(v) ? (v - mean) / deviation : v; });
  }
  return values;
}

void check_near(const HostVolume& result, const std::vector<float>& wanted) {
  const auto got = result.as<float>();
  REQUIRE(got.size() == wanted.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (same(got[i], wanted[i])) continue;
    CAPTURE(i, got[i], wanted[i]);
    REQUIRE(std::abs(got[i] - wanted[i]) <= 2e-6f * (1 + std::abs(wanted[i])));
  }
}

}  // namespace

TEST_CASE("normalized voxels are what mean and deviation say, for all of the parameters", "[normalize]") {
  Random random(20);
  CAPTURE(random.seed());
  for (int round = 0; round < 24; ++round) {
    const DType dtype = round % 3 == 0 ? DType::i16 : DType::f32;
    HostVolume volume = random.intensities(dtype, random.between(1, 4), random.size(30), false);
    visit_dtype(dtype, [&](auto zero) {
      for (auto& v : volume.as<decltype(zero)>())
        if (random.one_in(3)) v = 0;
    });
    NormalizeIntensity params;
    params.nonzero = random.one_in(2);
    params.channel_wise = random.one_in(2);
    if (random.one_in(4)) params.subtrahend = {random.real(-10, 10)};
    if (random.one_in(4))
      params.divisor.assign(params.channel_wise ? static_cast<std::size_t>(volume.channels) : 1,
                            random.one_in(3) ? 0 : random.real(1, 10));
    CAPTURE(round, params.nonzero, params.channel_wise);
    const std::vector<float> wanted = normalized(volume, params);
    std::vector<float> first;
    on_every_backend(
        volume, [&](const DeviceVolume& v, Workspace& w) { return normalize_intensity(v, params, w); },
        [&](const HostVolume& result) {
          check_near(result, wanted);
          if (first.empty()) first = as_floats(result);
          REQUIRE(differences(result, first) == 0);  // the order of summation is fixed
        });
  }
}

TEST_CASE("values far from 0 keep their variance", "[normalize]") {
  HostVolume volume = make_host_volume(DType::f32, 1, {{50, 50, 50}, identity_affine()});
  for (std::size_t i = 0; i < volume.as<float>().size(); ++i) volume.as<float>()[i] = 1e6f + static_cast<float>(i % 2);
  on_every_backend(
      volume, [](const DeviceVolume& v, Workspace& w) { return normalize_intensity(v, {}, w); },
      [&](const HostVolume& result) { check_near(result, normalized(volume, {})); });
}

TEST_CASE("a constant volume becomes 0, and a volume of zeros stays so", "[normalize]") {
  for (const float value : {0.0f, 7.1f})
    for (const bool nonzero : {false, true}) {
      HostVolume volume = make_host_volume(DType::f32, 2, {{9, 10, 11}, identity_affine()});
      for (float& v : volume.as<float>()) v = value;
      on_every_backend(
          volume,
          [&](const DeviceVolume& v, Workspace& w) {
            return normalize_intensity(v, {.subtrahend = {}, .divisor = {}, .nonzero = nonzero, .channel_wise = true},
                                       w);
          },
          [](const HostVolume& result) { REQUIRE(differences(result, std::vector<float>(1980, 0.0f)) == 0); });
    }
}

TEST_CASE("one NaN makes every voxel NaN, or every voxel but the zeros", "[normalize]") {
  HostVolume volume = make_host_volume(DType::f32, 1, {{1, 1, 4}, identity_affine()});
  const float values[] = {0, 1, std::numeric_limits<float>::quiet_NaN(), 2};
  std::copy(std::begin(values), std::end(values), volume.as<float>().begin());
  for (const bool nonzero : {false, true})
    on_every_backend(
        volume,
        [&](const DeviceVolume& v, Workspace& w) {
          return normalize_intensity(v, {.subtrahend = {}, .divisor = {}, .nonzero = nonzero, .channel_wise = false},
                                     w);
        },
        [&](const HostVolume& result) {
          REQUIRE(differences(result, std::vector<float>{nonzero ? 0.0f : NAN, NAN, NAN, NAN}) == 0);
        });
}

TEST_CASE("a number of subtrahends that fits no channel is refused by name", "[normalize]") {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  const HostVolume volume = Random(21).intensities(DType::f32, 3, {2, 2, 2});
  const DeviceVolume device = upload(volume, bench.workspace());
  REQUIRE_THROWS_WITH(
      normalize_intensity(device, {.subtrahend = {1, 2}, .divisor = {}, .nonzero = false, .channel_wise = true},
                          bench.workspace()),
      Catch::Contains("subtrahend: 2 values"));
  REQUIRE_THROWS_WITH(
      normalize_intensity(device, {.subtrahend = {}, .divisor = {1, 2, 3}, .nonzero = false, .channel_wise = false},
                          bench.workspace()),
      Catch::Contains("divisor: 3 values"));
}

}  // namespace normalize_test
