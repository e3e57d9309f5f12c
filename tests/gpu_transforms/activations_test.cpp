#include <bit>
#include <cmath>
#include <limits>

#include "gpu_transforms/exponential.h"
#include "gpu_transforms/labels.h"
#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference_labels.h"

namespace activations_test {

using namespace voxd;
using namespace voxd::test;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN(), kInfinity = std::numeric_limits<float>::infinity();

/// In units of the last place of the true value, which for subnormal results is that of the smallest normal one.
double ulps_off(float x) {
  const double wanted = std::exp(static_cast<double>(x));
  const double ulp = std::ldexp(1.0, std::max(std::ilogb(wanted), -126) - 23);
  return std::abs(static_cast<double>(exponential(x)) - wanted) / ulp;
}

double softmax_of(const Grid<float>& in, int channels, int c, int x, int y, int z) {
  double largest = -INFINITY, sum = 0;
  for (int k = 0; k < channels; ++k) largest = std::max<double>(largest, in.at(k, x, y, z));
  for (int k = 0; k < channels; ++k) sum += std::exp(in.at(k, x, y, z) - largest);
  return std::exp(in.at(c, x, y, z) - largest) / sum;
}

double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }

bool close(float got, double wanted) {
  return std::isnan(wanted) ? std::isnan(got) : std::abs(static_cast<double>(got) - wanted) <= 1e-6;
}

std::vector<float> activated(const HostVolume& volume, const Activations& params) {
  std::vector<float> first;
  on_every_backend(
      volume, [&](const DeviceVolume& v, Workspace& w) { return activations(v, params, w); },
      [&](const HostVolume& result) {
        REQUIRE(result.geometry == volume.geometry);
        const std::vector<float> values = as_floats(result);
        if (first.empty()) first = values;
        // The same bits everywhere.
        for (std::size_t i = 0; i < values.size(); ++i) REQUIRE(same(values[i], first[i]));
      });
  return first;
}

HostVolume voxels_of(const std::vector<float>& channels) {
  HostVolume volume = make_host_volume(DType::f32, static_cast<int>(channels.size()), {{1, 1, 1}, identity_affine()});
  std::copy(channels.begin(), channels.end(), volume.as<float>().begin());
  return volume;
}

constexpr Activations kSigmoid{.sigmoid = true, .softmax = false}, kSoftmax{.sigmoid = false, .softmax = true};

}  // namespace

TEST_CASE("e^x is within one ulp over its whole range", "[activations]") {
  double worst = 0;
  float at = 0;
  const auto look = [&](float x) {
    if (const double off = ulps_off(x); !(off <= worst)) {
      worst = off;
      at = x;
    }
  };
  for (std::uint32_t bits = 0; bits < 0x42b17218u; bits += 1009) {  // up to 88.72, the last that does not overflow
    look(std::bit_cast<float>(bits));
    look(-std::bit_cast<float>(bits));
  }
  for (float x = -88; x > -103.9f; x -= 0.0007f) look(x);
  CAPTURE(at);
  REQUIRE(worst <= 1.0);
}

TEST_CASE("e^x of special values is what IEEE arithmetic gives", "[activations]") {
  REQUIRE(exponential(0.0f) == 1);
  REQUIRE(exponential(-0.0f) == 1);
  REQUIRE(exponential(kInfinity) == kInfinity);
  REQUIRE(exponential(-kInfinity) == 0);
  REQUIRE(std::isnan(exponential(kNan)));
  REQUIRE(exponential(88.73f) == kInfinity);
  REQUIRE(exponential(std::numeric_limits<float>::max()) == kInfinity);
  REQUIRE(exponential(-103.0f) == std::numeric_limits<float>::denorm_min());
  REQUIRE(exponential(-104.0f) == 0);
  REQUIRE(exponential(-std::numeric_limits<float>::max()) == 0);
}

TEST_CASE("softmax and sigmoid are the formulas to 1e-6", "[activations]") {
  Random random(310);
  CAPTURE(random.seed());
  for (int round = 0; round < 150; ++round) {
    const int channels = random.between(1, 6);
    HostVolume volume = random.intensities(DType::f32, channels, random.size(12), false);
    const double scale = random.one_in(2) ? 0.02 : 0.2;
    for (float& v : volume.as<float>()) v = static_cast<float>(v * scale);
    const Grid<float> in = float_grid(volume);
    CAPTURE(round, channels, to_string(volume.geometry.size));
    const std::vector<float> soft = activated(volume, kSoftmax), logistic = activated(volume, kSigmoid);
    const std::vector<float> both = activated(volume, {.sigmoid = true, .softmax = true});
    Grid<float> squeezed = in;
    for (int c = 0; c < channels; ++c)
      for_each_voxel(in.size(), [&](int x, int y, int z) {
        squeezed.at(c, x, y, z) = static_cast<float>(sigmoid_of(in.at(c, x, y, z)));
      });
    for (int c = 0; c < channels; ++c)
      for_each_voxel(in.size(), [&](int x, int y, int z) {
        const std::size_t i = in.index(c, x, y, z);
        REQUIRE(close(soft[i], softmax_of(in, channels, c, x, y, z)));
        REQUIRE(close(logistic[i], sigmoid_of(in.at(c, x, y, z))));
        REQUIRE(close(both[i], softmax_of(squeezed, channels, c, x, y, z)));
      });
  }
}

TEST_CASE("NaN and infinities go through softmax and sigmoid as through torch's", "[activations]") {
  for (const float v : activated(voxels_of({1, kNan, 3}), kSoftmax)) REQUIRE(std::isnan(v));
  for (const float v : activated(voxels_of({kNan, 1, 3}), kSoftmax)) REQUIRE(std::isnan(v));
  for (const float v : activated(voxels_of({1, kInfinity, 3}), kSoftmax)) REQUIRE(std::isnan(v));
  for (const float v : activated(voxels_of({-kInfinity, -kInfinity}), kSoftmax)) REQUIRE(std::isnan(v));
  REQUIRE(activated(voxels_of({-kInfinity, 2}), kSoftmax) == std::vector<float>{0, 1});
  REQUIRE(activated(voxels_of({1e30f, -1e30f}), kSoftmax) == std::vector<float>{1, 0});
  REQUIRE(activated(voxels_of({kInfinity, -kInfinity, 0, 1000, -1000}), kSigmoid) ==
          std::vector<float>{1, 0, 0.5, 1, 0});
  REQUIRE(std::isnan(activated(voxels_of({kNan}), kSigmoid)[0]));
}

TEST_CASE("labels become float32 and other types stay what they are", "[activations]") {
  const std::pair<DType, DType> types[] = {
      {DType::u8, DType::f32}, {DType::u16, DType::f32}, {DType::i16, DType::i16}, {DType::f64, DType::f64}};
  for (const auto& [from, to] : types)
    on_every_backend(
        Random(311).intensities(from, 2, {5, 6, 7}, false),
        [](const DeviceVolume& v, Workspace& w) { return activations(v, kSoftmax, w); },
        [to = to](const HostVolume& result) { REQUIRE(result.dtype == to); });
}

TEST_CASE("an activation holds its output, and none is the volume itself", "[activations]") {
  const HostVolume volume = Random(312).intensities(DType::f32, 3, {9, 10, 11}),
                   labels = Random(313).labels(DType::u8, 3, {9, 10, 11}, 1, 0.5);
  for (const Activations& params : {kSigmoid, kSoftmax})
    for (const HostVolume* in : {&volume, &labels})
      REQUIRE(peak_bytes_of(*in, [&](const DeviceVolume& v, Workspace& w) { return activations(v, params, w); }) ==
              3 * 990 * 4);
  REQUIRE(peak_bytes_of(volume, [](const DeviceVolume& v, Workspace& w) { return activations(v, {}, w); }) == 0);
}

}  // namespace activations_test
