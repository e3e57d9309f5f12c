#include <cmath>
#include <limits>

#include "gpu_transforms/labels.h"
#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference_labels.h"

namespace as_discrete_test {

using namespace voxd;
using namespace voxd::test;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// MONAI's steps on [channels][voxels].
std::vector<std::vector<float>> expected(const HostVolume& volume, const AsDiscrete& p) {
  const std::vector<float> values = as_floats(volume);
  const std::size_t voxels = values.size() / static_cast<std::size_t>(volume.channels);
  std::vector<std::vector<float>> channels;
  for (std::size_t c = 0; c * voxels < values.size(); ++c)
    channels.emplace_back(values.begin() + static_cast<std::ptrdiff_t>(c * voxels),
                          values.begin() + static_cast<std::ptrdiff_t>((c + 1) * voxels));
  if (p.argmax) {
    std::vector<float> labels(voxels);
    for (std::size_t i = 0; i < voxels; ++i) {
      std::size_t best = 0;
      for (std::size_t c = 1; c < channels.size(); ++c) {
        const float largest = channels[best][i], value = channels[c][i];
        if (!std::isnan(largest) && (std::isnan(value) || value > largest)) best = c;
      }
      labels[i] = static_cast<float>(best);
    }
    channels = {labels};
  }
  if (p.to_onehot) {
    const std::vector<float> labels = channels[0];
    channels.assign(static_cast<std::size_t>(*p.to_onehot), std::vector<float>(voxels, 0.0f));
    for (std::size_t i = 0; i < voxels; ++i) channels[static_cast<std::size_t>(static_cast<int>(labels[i]))][i] = 1;
  }
  for (auto& channel : channels)
    for (float& v : channel) {
      if (p.threshold) v = v >= static_cast<float>(*p.threshold) ? 1.0f : 0.0f;
      if (p.rounding) v = std::nearbyint(v);
    }
  return channels;
}

void check(const HostVolume& volume, const AsDiscrete& params, DType dtype) {
  std::vector<float> wanted;
  const auto channels = expected(volume, params);
  for (const auto& channel : channels) wanted.insert(wanted.end(), channel.begin(), channel.end());
  on_every_backend(
      volume, [&](const DeviceVolume& v, Workspace& w) { return as_discrete(v, params, w); },
      [&](const HostVolume& result) {
        REQUIRE(result.dtype == dtype);
        REQUIRE(result.channels == static_cast<int>(channels.size()));
        REQUIRE(result.geometry == volume.geometry);
        const std::vector<float> got = as_floats(result);
        for (std::size_t i = 0; i < wanted.size(); ++i) REQUIRE(same(got[i], wanted[i]));
      });
}

/// Values of which many are equal, at half or at a threshold.
HostVolume coarse(Random& random, int channels) {
  HostVolume volume = random.intensities(DType::f32, channels, random.size(14));
  for (float& v : volume.as<float>())
    if (random.one_in(2)) v = static_cast<float>(random.between(-8, 8)) / 2;
  return volume;
}

std::string refusal(const HostVolume& volume, const AsDiscrete& params) {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  try {
    as_discrete(upload(volume, bench.workspace()), params, bench.workspace());
  } catch (const Error& error) {
    return error.code() == Code::invalid_argument ? error.what() : "another code";
  }
  return "";
}

AsDiscrete onehot(int classes, bool argmax = false) {
  AsDiscrete params;
  params.argmax = argmax;
  params.to_onehot = classes;
  return params;
}

}  // namespace

TEST_CASE("argmax, one-hot, threshold and rounding do what MONAI does, in its order", "[discrete]") {
  Random random(320);
  CAPTURE(random.seed());
  for (int round = 0; round < 250; ++round) {
    const int channels = random.between(1, 5);
    const HostVolume volume = coarse(random, channels);
    AsDiscrete params;
    params.argmax = random.one_in(2);
    if (params.argmax && random.one_in(2)) params.to_onehot = channels + random.between(0, 2);
    if (random.one_in(3)) {
      params.threshold = random.between(-3, 6) * 0.5;
    } else {
      params.rounding = random.one_in(3);
    }
    CAPTURE(round, channels, params.argmax, params.threshold.has_value(), params.rounding);
    check(volume, params, params.argmax || params.threshold ? DType::u8 : DType::f32);
  }
}

TEST_CASE("a one-hot's labels are cut towards zero, whatever their type", "[discrete]") {
  Random random(321);
  CAPTURE(random.seed());
  for (int round = 0; round < 120; ++round) {
    const DType types[] = {DType::f32, DType::u8, DType::u16, DType::i32};
    const int classes = random.one_in(9) ? 300 : random.between(1, 7);
    HostVolume volume = random.labels(types[round % 4], 1, random.size(8), std::min(classes - 1, 250), 0.3);
    if (classes == 1) volume = random.labels(types[round % 4], 1, random.size(8), 1, 1);
    if (volume.dtype == DType::f32)
      for (float& v : volume.as<float>()) v = static_cast<float>(v + random.real(v == 0 ? -0.99 : 0, 0.99));
    CAPTURE(round, classes, name_of(volume.dtype));
    check(volume, onehot(classes), DType::u8);
  }
}

TEST_CASE("many classes become a one-hot of many channels", "[discrete]") {
  const HostVolume volume = Random(322).intensities(DType::f32, 300, {3, 4, 5});
  check(volume, onehot(300, true), DType::u8);
  AsDiscrete labels;
  labels.argmax = true;
  check(volume, labels, DType::u16);
}

TEST_CASE("a threshold is compared as float32, and a float64 volume as float64", "[discrete]") {
  AsDiscrete params;
  params.threshold = 0.1;
  HostVolume volume = make_host_volume(DType::f32, 1, {{1, 1, 3}, identity_affine()});
  volume.as<float>()[0] = 0.1f;
  volume.as<float>()[1] = std::nextafterf(0.1f, 0.0f);
  volume.as<float>()[2] = kNan;
  HostVolume wide = make_host_volume(DType::f64, 1, {{1, 1, 3}, identity_affine()});
  wide.as<double>()[0] = 0.1;
  wide.as<double>()[1] = std::nextafter(0.1, 0.0);
  wide.as<double>()[2] = kNan;
  for (const HostVolume* in : {&volume, &wide})
    on_every_backend(
        *in, [&](const DeviceVolume& v, Workspace& w) { return as_discrete(v, params, w); },
        [](const HostVolume& result) {
          REQUIRE(as_floats(result) == std::vector<float>{1, 0, 0});
        });
}

TEST_CASE("the type asked for is given where labels do not stand for it", "[discrete]") {
  Random random(323);
  const HostVolume values = random.intensities(DType::f32, 2, {5, 6, 7}, false);
  const auto dtype_of_result = [&](const HostVolume& volume, const AsDiscrete& params) {
    const auto discrete = [&](const DeviceVolume& v, Workspace& w) { return as_discrete(v, params, w); };
    return result_on_every_backend(volume, discrete).dtype;
  };
  AsDiscrete params;
  CHECK(dtype_of_result(values, params) == DType::f32);
  params.rounding = true;
  params.dtype = DType::i16;
  CHECK(dtype_of_result(values, params) == DType::i16);
  params.argmax = true;
  CHECK(dtype_of_result(values, params) == DType::u8);
  params.dtype = DType::i8;
  CHECK(dtype_of_result(values, params) == DType::i8);
  CHECK(dtype_of_result(random.intensities(DType::i16, 1, {4, 4, 4}), {}) == DType::f32);
  CHECK(dtype_of_result(random.labels(DType::u8, 1, {4, 4, 4}, 3, 0.5), {}) == DType::u8);
}

TEST_CASE("what is no class, no label map or cannot be rounded is refused by name", "[discrete]") {
  Random random(324);
  HostVolume labels = random.labels(DType::f32, 1, {4, 5, 6}, 2, 0.5);
  const auto with = [&](float value) {
    labels.as<float>()[77] = value;
    return refusal(labels, onehot(3));
  };
  CHECK(with(2) == "");
  CHECK(with(-0.5f) == "");
  CHECK(with(2.99f) == "");
  for (const float value : {3.0f, -1.0f, kNan, INFINITY, -INFINITY, 1e30f})
    CHECK(with(value) == "to_onehot: 3, a voxel's label is not in 0..2");
  CHECK(refusal(random.labels(DType::u8, 1, {4, 4, 40}, 9, 0), onehot(9)) ==
        "to_onehot: 9, a voxel's label is not in 0..8");
  CHECK(refusal(random.intensities(DType::f32, 3, {4, 4, 40}), onehot(2, true)) ==
        "to_onehot: 2, a voxel's label is not in 0..1");
  CHECK(refusal(random.labels(DType::f32, 2, {4, 4, 4}, 1, 0.5), onehot(3)) ==
        "to_onehot: the labels have 2 channels, must be 1");
  CHECK(refusal(labels, onehot(0)) == "to_onehot: 0, must be 1 or more");
  AsDiscrete both;
  both.threshold = 0.5;
  both.rounding = true;
  CHECK(refusal(labels, both) == "rounding: cannot round what threshold has made");
}

TEST_CASE("discrete values hold the result of one step and that of the next", "[discrete]") {
  const HostVolume volume = Random(325).intensities(DType::f32, 4, {8, 9, 10});
  const auto peak = [&](const AsDiscrete& params) {
    return peak_bytes_of(volume, [&](const DeviceVolume& v, Workspace& w) { return as_discrete(v, params, w); });
  };
  AsDiscrete params = onehot(4, true);
  CHECK(peak(params) == 720 * 5);
  params.threshold = 0.5;
  CHECK(peak(params) == 720 * 8);
  CHECK(peak({.argmax = false, .to_onehot = {}, .threshold = 0.5, .rounding = false, .dtype = DType::f32}) == 720 * 4);
  CHECK(peak({.argmax = false, .to_onehot = {}, .threshold = {}, .rounding = true, .dtype = DType::f32}) == 720 * 16);
}

}  // namespace as_discrete_test
