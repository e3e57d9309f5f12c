#include "gpu_transforms/intensity.h"

#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference.h"

namespace intensity_test {

using namespace voxd;
using namespace voxd::test;

namespace {

constexpr DType kAllTypes[] = {DType::u8,  DType::i8,  DType::u16, DType::i16, DType::u32,
                               DType::i32, DType::u64, DType::i64, DType::f32, DType::f64};

ScaleIntensityRange random_range(Random& random) {
  ScaleIntensityRange params;
  params.a_min = random.real(-200, 0);
  params.a_max = random.one_in(6) ? params.a_min : random.real(1, 300);
  if (!random.one_in(3)) params.b_min = random.real(-1, 0);
  if (!random.one_in(3)) params.b_max = random.real(0.5, 2);
  params.clip = (params.b_min || params.b_max) && random.one_in(2);
  return params;
}

std::vector<float> scaled_voxels(const HostVolume& volume, const ScaleIntensityRange& p) {
  std::vector<float> wanted = as_floats(volume);
  for (float& v : wanted)
    v = scaled(v, static_cast<float>(p.a_min), static_cast<float>(p.a_max - p.a_min), p.b_min, p.b_max, p.clip);
  return wanted;
}

}  // namespace

TEST_CASE("every type becomes float32 by value", "[intensity]") {
  Random random(1);
  CAPTURE(random.seed());
  for (const DType dtype : kAllTypes) {
    CAPTURE(name_of(dtype));
    const HostVolume volume = random.intensities(dtype, 2, random.size());
    on_every_backend(volume, to_float32,
                     [&](const HostVolume& result) { REQUIRE(differences(result, as_floats(volume)) == 0); });
  }
}

TEST_CASE("a float32 volume becomes float32 without a copy", "[intensity]") {
  const HostVolume volume = Random(2).intensities(DType::f32, 1, {3, 4, 5});
  REQUIRE(peak_bytes_of(volume, to_float32) == 0);
}

TEST_CASE("scaling an intensity range equals MONAI's arithmetic bit for bit, for every type and special value",
          "[intensity]") {
  Random random(3);
  CAPTURE(random.seed());
  for (int round = 0; round < 6; ++round)
    for (const DType dtype : kAllTypes) {
      const ScaleIntensityRange params = random_range(random);
      const HostVolume volume = random.intensities(dtype, random.between(1, 3), random.size());
      CAPTURE(name_of(dtype), round);
      on_every_backend(
          volume, [&](const DeviceVolume& v, Workspace& w) { return scale_intensity_range(v, params, w); },
          [&](const HostVolume& result) {
            REQUIRE(result.geometry == volume.geometry);
            REQUIRE(differences(result, scaled_voxels(volume, params)) == 0);
          });
    }
}

TEST_CASE("int16 extremes are scaled as float32 and do not wrap around", "[intensity]") {
  HostVolume volume = make_host_volume(DType::i16, 1, {{1, 1, 3}, identity_affine()});
  volume.as<std::int16_t>()[0] = 32767;
  volume.as<std::int16_t>()[1] = -32768;
  volume.as<std::int16_t>()[2] = 0;
  const ScaleIntensityRange params{.a_min = -57, .a_max = 164, .b_min = 0.0, .b_max = 1.0, .clip = true};
  on_every_backend(
      volume, [&](const DeviceVolume& v, Workspace& w) { return scale_intensity_range(v, params, w); },
      [&](const HostVolume& result) {
        REQUIRE(differences(result, std::vector<float>{1.0f, 0.0f, 57.0f / 221.0f}) == 0);
      });
}

TEST_CASE("clipping to nothing is refused", "[intensity]") {
  const HostVolume volume = Random(4).intensities(DType::f32, 1, {2, 2, 2});
  const ScaleIntensityRange params{.a_min = 0, .a_max = 1, .b_min = {}, .b_max = {}, .clip = true};
  Bench bench("serial", make_cpu_stream(Backend::serial));
  REQUIRE_THROWS_WITH(scale_intensity_range(upload(volume, bench.workspace()), params, bench.workspace()),
                      Catch::Contains("clip"));
}

TEST_CASE("scaling holds its output and nothing else", "[intensity]") {
  const HostVolume volume = Random(5).intensities(DType::i16, 2, {7, 8, 9});
  const auto scale = [](const DeviceVolume& v, Workspace& w) {
    return scale_intensity_range(v, {.a_min = 0, .a_max = 1, .b_min = {}, .b_max = {}, .clip = false}, w);
  };
  REQUIRE(peak_bytes_of(volume, scale) == 2 * 7 * 8 * 9 * 4);
}

TEST_CASE("an empty volume stays empty", "[intensity]") {
  const HostVolume volume = make_host_volume(DType::i16, 1, {{0, 4, 5}, identity_affine()});
  const auto scale = [](const DeviceVolume& v, Workspace& w) {
    return scale_intensity_range(v, {.a_min = 0, .a_max = 1, .b_min = {}, .b_max = {}, .clip = false}, w);
  };
  on_every_backend(volume, scale, [](const HostVolume& result) { REQUIRE(result.count() == 0); });
  on_every_backend(
      volume, [](const DeviceVolume& v, Workspace& w) { return normalize_intensity(v, {}, w); },
      [](const HostVolume& result) { REQUIRE(result.count() == 0); });
}

}  // namespace intensity_test
