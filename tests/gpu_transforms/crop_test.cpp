#include "gpu_transforms/spatial.h"
#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference.h"

namespace crop_test {

using namespace voxd;
using namespace voxd::test;

namespace {

template <class T>
Grid<T> cropped(const HostVolume& volume, const Box& box, T value) {
  const Grid<T> in(volume);
  Grid<T> out(volume.channels, box.size(), value);
  for (int c = 0; c < volume.channels; ++c)
    for_each_voxel(box.size(), [&](int x, int y, int z) {
      out.at(c, x, y, z) = in.at_or(c, x + box.start[0], y + box.start[1], z + box.start[2], value);
    });
  return out;
}

/// The box as MONAI's documentation has it: tight, widened by the margin, clamped if asked, then grown to a multiple of
/// k.
Box expected_box(const HostVolume& volume, const CropForeground& p) {
  const std::vector<float> values = as_floats(volume);
  const Int3& size = volume.geometry.size;
  Int3 first = size, last = {-1, -1, -1};
  for (int c = 0; c < volume.channels; ++c) {
    if (!p.channel_indices.empty() &&
        std::find(p.channel_indices.begin(), p.channel_indices.end(), c) == p.channel_indices.end())
      continue;
    for_each_voxel(size, [&](int x, int y, int z) {
      if (!(values[((static_cast<std::size_t>(c) * size[0] + x) * size[1] + y) * size[2] + z] > 0)) return;
      const Int3 at = {x, y, z};
      for (int a = 0; a < 3; ++a) first[a] = std::min(first[a], at[a]), last[a] = std::max(last[a], at[a]);
    });
  }
  Box box;
  if (last[0] < 0) return box;
  for (std::size_t a = 0; a < 3; ++a) {
    const int margin = p.margin[p.margin.size() == 1 ? 0 : a], k = p.k_divisible[p.k_divisible.size() == 1 ? 0 : a];
    int start = first[a] - margin, end = last[a] + 1 + margin;
    if (p.allow_smaller) start = std::max(start, 0), end = std::min(end, size[a]);
    const int grown = k > 0 ? static_cast<int>(std::ceil((end - start) / double(k))) * k : end - start;
    box.start[a] = start - (grown - (end - start)) / 2;
    box.end[a] = box.start[a] + grown;
  }
  return box;
}

HostVolume sparse(Random& random, DType dtype, std::int32_t channels, const Int3& size) {
  HostVolume volume = random.intensities(dtype, channels, size);
  visit_dtype(dtype, [&](auto zero) {
    for (auto& v : volume.as<decltype(zero)>())
      v = random.one_in(200) ? 3 : std::is_signed_v<decltype(zero)> ? static_cast<decltype(zero)>(-1) : 0;
  });
  return volume;
}

}  // namespace

TEST_CASE("the foreground box is what a loop over the voxels finds, for every type and parameter", "[crop]") {
  Random random(40);
  CAPTURE(random.seed());
  for (int round = 0; round < 40; ++round) {
    const DType types[] = {DType::u8, DType::i16, DType::f32, DType::i64, DType::f64, DType::u32};
    const HostVolume volume = round % 2 == 0 ? sparse(random, types[round % 6], random.between(1, 3), random.size())
                                             : random.intensities(DType::f32, random.between(1, 3), random.size(6));
    CropForeground params;
    if (random.one_in(2)) params.margin = {random.between(0, 9), random.between(0, 9), random.between(0, 9)};
    if (random.one_in(2)) params.k_divisible = {random.between(-1, 16)};
    if (random.one_in(3)) params.channel_indices = {volume.channels - 1};
    params.allow_smaller = random.one_in(2);
    CAPTURE(round, to_string(volume.geometry.size), name_of(volume.dtype));
    const Box wanted = expected_box(volume, params);
    on_every_backend([&](Bench& bench) {
      REQUIRE(foreground_box(upload(volume, bench.workspace()), params, bench.workspace()) == wanted);
    });
  }
}

TEST_CASE("NaN is background, infinity is foreground, and nothing at all gives an empty box", "[crop]") {
  HostVolume volume = make_host_volume(DType::f32, 1, {{3, 4, 70}, identity_affine()});
  for (float& v : volume.as<float>()) v = std::numeric_limits<float>::quiet_NaN();
  on_every_backend([&](Bench& bench) {
    REQUIRE(foreground_box(upload(volume, bench.workspace()), {}, bench.workspace()) == Box{});
  });
  volume.as<float>()[(1 * 4 + 2) * 70 + 65] = std::numeric_limits<float>::infinity();
  on_every_backend([&](Bench& bench) {
    REQUIRE(foreground_box(upload(volume, bench.workspace()), {}, bench.workspace()) == Box{{1, 2, 65}, {2, 3, 66}});
  });
}

TEST_CASE("a crop holds the voxels of its box, and the value beyond the image", "[crop]") {
  Random random(41);
  CAPTURE(random.seed());
  for (int round = 0; round < 40; ++round) {
    const HostVolume volume =
        random.intensities(round % 2 == 0 ? DType::f32 : DType::u8, random.between(1, 3), random.size());
    Box box;
    for (int a = 0; a < 3; ++a) {
      const int n = volume.geometry.size[a];
      const bool within = round % 3 == 0;
      box.start[a] = within ? random.between(0, n) : random.between(-5, n + 3);
      box.end[a] = within ? random.between(box.start[a], n) : box.start[a] + random.between(0, n + 4);
    }
    CAPTURE(round, to_string(volume.geometry.size), to_string(box.start), to_string(box.end));
    on_every_backend(
        volume, [&](const DeviceVolume& v, Workspace& w) { return crop(v, box, 5, w); },
        [&](const HostVolume& result) {
          REQUIRE(result.geometry.size == box.size());
          if (volume.dtype == DType::u8) {
            REQUIRE(differences(result, cropped<std::uint8_t>(volume, box, 5).voxels()) == 0);
          } else {
            REQUIRE(differences(result, cropped<float>(volume, box, 5).voxels()) == 0);
          }
          const Vec3 corner =
              apply(volume.geometry.affine, {double(box.start[0]), double(box.start[1]), double(box.start[2])});
          for (int a = 0; a < 3; ++a)
            REQUIRE(result.geometry.affine[a][3] == Approx(corner[a]).epsilon(0).margin(1e-9));
        });
  }
}

TEST_CASE("a crop holds its output and nothing else", "[crop]") {
  const HostVolume volume = Random(42).intensities(DType::f32, 2, {9, 9, 9});
  REQUIRE(peak_bytes_of(volume, [](const DeviceVolume& v, Workspace& w) {
            return crop(v, {{-1, 2, 3}, {5, 6, 11}}, 0, w);
          }) == 2 * 6 * 4 * 8 * 4);
}

TEST_CASE("wrong boxes, margins, channels and values are refused by name", "[crop]") {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  const HostVolume host = Random(43).intensities(DType::u8, 2, {4, 4, 4});
  const DeviceVolume volume = upload(host, bench.workspace());
  const auto box_with = [&](auto change) {
    CropForeground params;
    change(params);
    return foreground_box(volume, params, bench.workspace());
  };
  REQUIRE_THROWS_WITH(box_with([](CropForeground& p) { p.margin = {1, -2, 3}; }), Catch::Contains("margin: -2"));
  REQUIRE_THROWS_WITH(box_with([](CropForeground& p) { p.margin = {1, 2}; }), Catch::Contains("margin: 2 values"));
  REQUIRE_THROWS_WITH(box_with([](CropForeground& p) { p.margin = {2000000000}; }), Catch::Contains("margin"));
  REQUIRE_THROWS_WITH(box_with([](CropForeground& p) { p.k_divisible = {2000000000}; }),
                      Catch::Contains("k_divisible"));
  REQUIRE_THROWS_WITH(box_with([](CropForeground& p) { p.channel_indices = {2}; }),
                      Catch::Contains("channel_indices: 2"));
  REQUIRE(box_with([](CropForeground& p) { p.channel_indices = {-1}; }) ==
          box_with([](CropForeground& p) { p.channel_indices = {1}; }));
  REQUIRE_THROWS_WITH(crop(volume, {{3, 0, 0}, {2, 4, 4}}, 0, bench.workspace()), Catch::Contains("box"));
  REQUIRE_THROWS_WITH(crop(volume, {{-1, 0, 0}, {4, 4, 4}}, -1, bench.workspace()), Catch::Contains("value: -1"));
  REQUIRE_THROWS_WITH(crop(volume, {{-1, 0, 0}, {4, 4, 4}}, 0.5, bench.workspace()), Catch::Contains("value: 0.5"));
  REQUIRE_THROWS_WITH(crop(volume, {{-1, 0, 0}, {4, 4, 4}}, NAN, bench.workspace()), Catch::Contains("value"));
  REQUIRE_NOTHROW(crop(volume, {{-1, 0, 0}, {4, 4, 4}}, 255, bench.workspace()));
}

}  // namespace crop_test
