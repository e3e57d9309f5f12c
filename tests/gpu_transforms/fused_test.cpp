#include "gpu_transforms/fused.h"

#include <bit>

#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference.h"

namespace fused_test {

using namespace voxd;
using namespace voxd::test;

namespace {

ScaleIntensityRange some_scaling(Random& random) {
  ScaleIntensityRange scaling;
  scaling.a_min = random.real(-200, 50);
  scaling.a_max = random.real(60, 900);
  if (!random.one_in(4)) {
    scaling.b_min = random.real(-1, 0.2);
    scaling.b_max = *scaling.b_min + random.real(-0.5, 2);
    scaling.clip = random.one_in(2);
  }
  if (random.one_in(6)) scaling.a_max = scaling.a_min;
  return scaling;
}

/// Within the image, around it, or partly outside.
Box some_box(Random& random, const Int3& size) {
  Box box;
  for (int a = 0; a < 3; ++a) {
    box.start[a] = random.one_in(3) ? 0 : random.between(-4, size[a] - 1);
    box.end[a] = random.one_in(3) ? std::max(size[a], box.start[a] + 1)
                                  : random.between(box.start[a] + 1, std::max(size[a], box.start[a] + 1) + 4);
  }
  return box;
}

std::size_t different_bits(const HostVolume& got, const HostVolume& wanted) {
  REQUIRE(got.count() == wanted.count());
  std::size_t count = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(got.count()); ++i) {
    const float a = got.as<float>()[i], b = wanted.as<float>()[i];
    // A NaN's bits are the processor's business.
    count += std::isnan(a) ? !std::isnan(b) : std::bit_cast<std::uint32_t>(a) != std::bit_cast<std::uint32_t>(b);
  }
  return count;
}

Resize area(const Int3& size) {
  Resize params;
  params.spatial_size = {size[0], size[1], size[2]};
  return params;
}

HostVolume one_by_one(const HostVolume& volume, const ScaleIntensityRange& scaling, const Box& box, double value,
                      const Int3& size) {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  Workspace& w = bench.workspace();
  const DeviceVolume scaled = scale_intensity_range(upload(volume, w), scaling, w);
  return download(resize(crop(scaled, box, value, w), area(size), w), w);
}

void check_fused(const HostVolume& volume, const ScaleIntensityRange& scaling, const Box& box, const Int3& size) {
  CAPTURE(name_of(volume.dtype), volume.channels, to_string(volume.geometry.size), to_string(box.start),
          to_string(box.end), to_string(size));
  const HostVolume wanted = one_by_one(volume, scaling, box, 0.25, size);
  on_every_backend(
      volume,
      [&](const DeviceVolume& v, Workspace& w) { return scale_crop_resize_area(v, scaling, box, 0.25, size, w); },
      [&](const HostVolume& result) {
        REQUIRE(result.dtype == DType::f32);
        REQUIRE(result.geometry == wanted.geometry);
        REQUIRE(different_bits(result, wanted) == 0);
      });
}

constexpr DType kTypes[] = {DType::u8,  DType::i8,  DType::u16, DType::i16, DType::u32,
                            DType::i32, DType::u64, DType::i64, DType::f32, DType::f64};

}  // namespace

TEST_CASE("scaling, cropping and area resizing at once is bit for bit one after the other", "[fused]") {
  Random random(120);
  CAPTURE(random.seed());
  for (int round = 0; round < 120; ++round) {
    const HostVolume volume = random.intensities(kTypes[round % 10], random.between(1, 2), random.size());
    const Box box = some_box(random, volume.geometry.size);
    const Int3 size = round % 7 == 0 ? box.size() : random.size(round % 3 == 0 ? 5 : 40);
    check_fused(volume, some_scaling(random), box, size);
  }
}

TEST_CASE("every ratio along every axis is resized alike, however rows share a team's memory", "[fused]") {
  Random random(121);
  CAPTURE(random.seed());
  const ScaleIntensityRange scaling{.a_min = -57, .a_max = 164, .b_min = 0.0, .b_max = 1.0, .clip = true};
  for (const int n : {1, 2, 5, 17, 40})
    for (const int m : {1, 2, 3, 9, 30}) {
      const HostVolume across = random.intensities(DType::i16, 1, {n, 6, 5}),
                       along = random.intensities(DType::i16, 1, {3, 4, n});
      check_fused(across, scaling, {{0, 0, 0}, across.geometry.size}, {m, 7, 3});
      check_fused(along, scaling, {{0, 0, 0}, along.geometry.size}, {2, 5, m});
    }
  // Rows so long that tiles of them have less and less room, and none in the end.
  for (const int n : {150, 500, 1200, 5000}) {
    const HostVolume volume = random.intensities(DType::u8, 1, {9, 8, n});
    for (const Int3& size :
         {Int3{5, 6, n / 2}, Int3{9, 8, n / 7}, Int3{4, 3, n + 3}, Int3{3, 3, n / 3}, Int3{2, 3, n / 4}})
      check_fused(volume, scaling, {{0, 0, 0}, volume.geometry.size}, size);
  }
}

TEST_CASE("the foreground of a scaled volume is found without the volume", "[fused]") {
  Random random(122);
  CAPTURE(random.seed());
  for (int round = 0; round < 100; ++round) {
    HostVolume volume = random.intensities(kTypes[round % 10], random.between(1, 2), random.size());
    if (round % 2 == 0)
      visit_dtype(volume.dtype, [&](auto zero) {
        for (auto& v : volume.as<decltype(zero)>())
          if (!random.one_in(100)) v = 0;
      });
    const ScaleIntensityRange scaling = some_scaling(random);
    CropForeground params;
    params.margin = {random.between(0, 3)};
    params.k_divisible = {random.between(1, 4)};
    CAPTURE(round, name_of(volume.dtype), to_string(volume.geometry.size), scaling.a_min, scaling.a_max);
    on_every_backend([&](Bench& bench) {
      Workspace& w = bench.workspace();
      const DeviceVolume v = upload(volume, w);
      REQUIRE(scaled_foreground_box(v, scaling, params, w) ==
              foreground_box(scale_intensity_range(v, scaling, w), params, w));
    });
  }
}

TEST_CASE("the foreground of a scaled volume begins at the very number that scales to more than 0", "[fused]") {
  Random random(125);
  CAPTURE(random.seed());
  for (int round = 0; round < 300; ++round) {
    const ScaleIntensityRange scaling = some_scaling(random);
    const double range = scaling.a_max - scaling.a_min, shift = scaling.b_min.value_or(0),
                 factor = scaling.b_min ? *scaling.b_max - shift : 1;
    // Where it turns from <= 0 to > 0, or back, and the numbers around.
    float number = static_cast<float>(range == 0 ? scaling.a_min : scaling.a_min - shift * range / factor);
    HostVolume volume = make_host_volume(DType::f32, 1, {{1, 1, 201}, identity_affine()});
    for (int i = 0; i < 100; ++i) number = std::nextafter(number, -INFINITY);
    for (float& v : volume.as<float>()) number = std::nextafter(v = number, INFINITY);
    Bench bench("serial", make_cpu_stream(Backend::serial));
    Workspace& w = bench.workspace();
    const DeviceVolume v = upload(volume, w);
    CAPTURE(round, scaling.a_min, scaling.a_max, shift, factor);
    REQUIRE(scaled_foreground_box(v, scaling, {}, w) == foreground_box(scale_intensity_range(v, scaling, w), {}, w));
  }
}

TEST_CASE("the scaled volume is never in memory", "[fused]") {
  const HostVolume volume = Random(123).intensities(DType::i16, 1, {60, 50, 40});
  const ScaleIntensityRange scaling{.a_min = -57, .a_max = 164, .b_min = 0.0, .b_max = 1.0, .clip = true};
  REQUIRE(peak_bytes_of(volume, [&](const DeviceVolume& v, Workspace& w) {
            return scale_crop_resize_area(v, scaling, {{1, 2, 3}, {59, 48, 37}}, 0, {30, 31, 32}, w);
          }) <= 30 * 31 * 32 * 4 + 2 * 4 * (30 + 31 + 32));
  REQUIRE(peak_bytes_of(volume, [&](const DeviceVolume& v, Workspace& w) {
            scaled_foreground_box(v, scaling, {}, w);
            return v;
          }) < 60 * 50 * 40);
}

TEST_CASE("nothing cannot be fused either", "[fused]") {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  Workspace& w = bench.workspace();
  const HostVolume host = Random(124).intensities(DType::i16, 1, {4, 4, 4});
  const DeviceVolume volume = upload(host, w);
  const auto fused = [&](const Box& box, const Int3& size) {
    return scale_crop_resize_area(volume, {.a_min = 0, .a_max = 1, .b_min = {}, .b_max = {}}, box, 0, size, w);
  };
  REQUIRE_THROWS_WITH(fused({{1, 1, 1}, {1, 2, 2}}, {4, 4, 4}), Catch::Contains("nothing in it"));
  REQUIRE_THROWS_WITH(fused({{0, 0, 0}, {4, 4, 4}}, {4, 0, 4}), Catch::Contains("nothing in it"));
  REQUIRE_THROWS_WITH(fused({{2, 0, 0}, {1, 4, 4}}, {4, 4, 4}), Catch::Contains("box"));
  REQUIRE_THROWS_WITH(scale_crop_resize_area(volume, {.a_min = 0, .a_max = 1, .b_min = {}, .b_max = {}, .clip = true},
                                             {{0, 0, 0}, {4, 4, 4}}, 0, {2, 2, 2}, w),
                      Catch::Contains("clip"));
}

}  // namespace fused_test
