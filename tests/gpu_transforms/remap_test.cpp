#include "gpu_transforms/remap.h"

#include <cmath>
#include <limits>

#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference.h"

namespace remap_test {

using namespace voxd;
using namespace voxd::test;

namespace {

constexpr DType kTypes[] = {DType::u8, DType::i16, DType::u16, DType::i32, DType::f32, DType::f64};

std::vector<ChannelLabel> some_rules(Random& random, int channels) {
  std::vector<ChannelLabel> rules(static_cast<std::size_t>(random.between(1, random.one_in(3) ? 16 : 4)));
  for (ChannelLabel& rule : rules)
    rule = {random.between(0, channels - 1), random.between(0, random.one_in(4) ? 65535 : 255)};
  return rules;
}

float expected_label(const std::vector<float>& values, std::size_t voxels, std::size_t i,
                     const std::vector<ChannelLabel>& rules, int otherwise) {
  for (const ChannelLabel& rule : rules)
    if (values[static_cast<std::size_t>(rule.channel) * voxels + i] > 0) return static_cast<float>(rule.label);
  return static_cast<float>(otherwise);
}

}  // namespace

TEST_CASE("labels of channels are those of nested conditions, the first that holds", "[remap]") {
  Random random(501);
  CAPTURE(random.seed());
  for (int round = 0; round < 60; ++round) {
    const DType type = kTypes[random.between(0, 5)];
    const int channels = random.between(1, 5);
    const HostVolume volume = random.intensities(type, channels, random.size(20), type == DType::f32);
    const std::vector<ChannelLabel> rules = some_rules(random, channels);
    const int otherwise = random.one_in(2) ? 0 : random.between(0, 300);
    CAPTURE(round, name_of(type), rules.size(), otherwise);
    const HostVolume result = result_on_every_backend(
        volume, [&](const DeviceVolume& v, Workspace& w) { return labels_of_channels(v, rules, otherwise, w); });
    const std::vector<float> values = as_floats(volume), got = as_floats(result);
    REQUIRE(result.channels == 1);
    REQUIRE(peak_bytes_of(volume, [&](const DeviceVolume& v, Workspace& w) {
              return labels_of_channels(v, rules, otherwise, w);
            }) <= static_cast<std::int64_t>(result.voxels.size()));
    REQUIRE(result.geometry == volume.geometry);
    for (std::size_t i = 0; i < got.size(); ++i)
      REQUIRE(got[i] == expected_label(values, got.size(), i, rules, otherwise));
  }
}

TEST_CASE("labels above 255 are uint16", "[remap]") {
  Random random(502);
  Bench bench("serial", make_cpu_stream(Backend::serial));
  const DeviceVolume volume = upload(random.intensities(DType::f32, 2, {3, 4, 5}, false), bench.workspace());
  CHECK(labels_of_channels(volume, {{0, 255}}, 0, bench.workspace()).dtype() == DType::u8);
  CHECK(labels_of_channels(volume, {{0, 1}, {1, 256}}, 0, bench.workspace()).dtype() == DType::u16);
  CHECK(labels_of_channels(volume, {{0, 1}}, 256, bench.workspace()).dtype() == DType::u16);
}

TEST_CASE("rules that name no channel or label are refused with the number", "[remap]") {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  Workspace& w = bench.workspace();
  const DeviceVolume volume = upload(Random(503).intensities(DType::u8, 2, {3, 4, 5}), w);
  using Catch::Contains;
  CHECK_THROWS_WITH(labels_of_channels(volume, {{2, 1}}, 0, w), Contains("channel 2 of 2"));
  CHECK_THROWS_WITH(labels_of_channels(volume, {{0, 65536}}, 0, w), Contains("label 65536"));
  CHECK_THROWS_WITH(labels_of_channels(volume, {{0, 1}}, -1, w), Contains("label -1"));
  CHECK_THROWS_WITH(labels_of_channels(volume, {}, 0, w), Contains("0 rules"));
  CHECK_THROWS_WITH(channels_from(volume, 2), Contains("channels from 2 on: there are 2"));
}

TEST_CASE("NaN becomes a number, and infinities the largest there are", "[remap]") {
  Random random(504);
  HostVolume volume = random.intensities(DType::f32, 2, {7, 8, 9});
  auto values = volume.as<float>();
  constexpr float inf = std::numeric_limits<float>::infinity(), most = std::numeric_limits<float>::max();
  values[3] = inf;
  values[4] = -inf;
  values[5] = std::numeric_limits<float>::quiet_NaN();
  const HostVolume result =
      result_on_every_backend(volume, [](const DeviceVolume& v, Workspace& w) { return replace_nan(v, 255, w); });
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float wanted = std::isnan(values[i]) ? 255 : values[i] == inf ? most : values[i] == -inf ? -most : values[i];
    REQUIRE(result.as<float>()[i] == wanted);
  }
  const HostVolume whole = random.intensities(DType::i16, 1, {3, 4, 5});
  const HostVolume same_whole =
      result_on_every_backend(whole, [](const DeviceVolume& v, Workspace& w) { return replace_nan(v, 255, w); });
  CHECK(std::ranges::equal(same_whole.voxels.bytes(), whole.voxels.bytes()));
}

TEST_CASE("the channels from one on are the volume's own", "[remap]") {
  const HostVolume volume = Random(505).intensities(DType::i16, 3, {4, 5, 6});
  for (int first = 0; first < 3; ++first) {
    const HostVolume result =
        result_on_every_backend(volume, [first](const DeviceVolume& v, Workspace&) { return channels_from(v, first); });
    REQUIRE(result.channels == 3 - first);
    REQUIRE(std::ranges::equal(result.as<std::int16_t>(),
                               volume.as<std::int16_t>().subspan(static_cast<std::size_t>(first) * 120)));
  }
}

}  // namespace remap_test
