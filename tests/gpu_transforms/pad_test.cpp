#include "gpu_transforms/pad.h"

#include "gpu_transforms/invert.h"
#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference_pad.h"

namespace pad_test {

using namespace voxd;
using namespace voxd::test;

namespace {

constexpr PadMode kModes[] = {PadMode::constant, PadMode::edge,    PadMode::reflect, PadMode::symmetric,
                              PadMode::wrap,     PadMode::minimum, PadMode::maximum};

/// A box that has voxels of the image, and reaches beyond it no further than the mode can.
Box some_box(Random& random, const Int3& size, PadMode mode, bool whole) {
  Box box;
  for (int a = 0; a < 3; ++a) {
    const int n = size[a], first = whole ? 0 : random.between(0, n - 1),
              last = whole ? n : random.between(first + 1, n);
    const int most = mode == PadMode::reflect ? last - first - 1 : 3 * (last - first) + 2;
    box.start[a] = first == 0 ? -random.between(0, most) : first;
    box.end[a] = last == n ? n + random.between(0, most) : last;
  }
  return box;
}

template <class T>
void check_padding(const HostVolume& volume, const Box& box, const Padding& padding) {
  const std::vector<T> wanted = padded_box_of<T>(volume, box, padding.mode, static_cast<T>(padding.value)).voxels();
  const Vec3 corner = apply(volume.geometry.affine, {double(box.start[0]), double(box.start[1]), double(box.start[2])});
  on_every_backend(
      volume, [&](const DeviceVolume& v, Workspace& w) { return crop(v, box, padding, w); },
      [&](const HostVolume& result) {
        REQUIRE(result.dtype == volume.dtype);
        REQUIRE(result.geometry.size == box.size());
        for (int a = 0; a < 3; ++a) REQUIRE(result.geometry.affine[a][3] == Approx(corner[a]).epsilon(0).margin(1e-9));
        REQUIRE(differences(result, wanted) == 0);
      });
}

Box box_of(const Int3& start, const Int3& end) { return {start, end}; }

}  // namespace

TEST_CASE("a box has the image's voxels inside and each mode's padding beyond, as loops along each axis find it",
          "[pad]") {
  Random random(110);
  CAPTURE(random.seed());
  for (int round = 0; round < 15; ++round)
    for (const PadMode mode : kModes) {
      const DType types[] = {DType::f32, DType::u8, DType::i16, DType::f32, DType::f64, DType::u64};
      const HostVolume volume = random.intensities(types[round % 6], random.between(1, 3), random.size(9));
      const Box box = some_box(random, volume.geometry.size, mode, round % 2 == 0);
      CAPTURE(round, name_of(mode), name_of(volume.dtype), to_string(volume.geometry.size), to_string(box.start),
              to_string(box.end));
      visit_dtype(volume.dtype, [&](auto zero) { check_padding<decltype(zero)>(volume, box, {mode, 7}); });
    }
}

TEST_CASE("every type is padded in every mode", "[pad]") {
  Random random(111);
  for (const DType type : {DType::u8, DType::i8, DType::u16, DType::i16, DType::u32, DType::i32, DType::u64, DType::i64,
                           DType::f32, DType::f64})
    for (const PadMode mode : kModes) {
      CAPTURE(random.seed(), name_of(type), name_of(mode));
      const HostVolume volume = random.intensities(type, 2, {3, 4, 5});
      visit_dtype(type, [&](auto zero) {
        check_padding<decltype(zero)>(volume, {{-2, -1, -3}, {5, 6, 7}}, {mode, 1});
      });
    }
}

TEST_CASE("padding repeats as often as it must where an axis is shorter than what it is padded by", "[pad]") {
  HostVolume volume = make_host_volume(DType::i16, 1, {{1, 1, 3}, identity_affine()});
  for (std::int16_t i = 0; i < 3; ++i) volume.as<std::int16_t>()[static_cast<std::size_t>(i)] = i;
  const auto row = [&](PadMode mode) {
    std::vector<std::int16_t> voxels;
    Bench bench("serial", make_cpu_stream(Backend::serial));
    const HostVolume result =
        download(crop(upload(volume, bench.workspace()), {{0, 0, -7}, {1, 1, 8}}, Padding{mode, 0}, bench.workspace()),
                 bench.workspace());
    for (const std::int16_t v : result.as<std::int16_t>()) voxels.push_back(v);
    return voxels;
  };
  CHECK(row(PadMode::symmetric) == std::vector<std::int16_t>{0, 0, 1, 2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0, 1});
  CHECK(row(PadMode::wrap) == std::vector<std::int16_t>{2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1});
}

TEST_CASE("a NaN is the minimum and the maximum of its lines, and of no other", "[pad]") {
  HostVolume volume = make_host_volume(DType::f32, 1, {{3, 3, 70}, identity_affine()});
  for (float& v : volume.as<float>()) v = 1;
  volume.as<float>()[(1 * 3 + 2) * 70 + 66] = std::numeric_limits<float>::quiet_NaN();
  for (const PadMode mode : {PadMode::minimum, PadMode::maximum})
    on_every_backend(
        volume,
        [&](const DeviceVolume& v, Workspace& w) {
          return crop(v, {{-1, -1, -1}, {3, 3, 70}}, Padding{mode, 0}, w);
        },
        [](const HostVolume& result) {
          const Grid<float> grid(result);
          CHECK(std::isnan(grid.at(0, 2, 3, 0)));
          CHECK(std::isnan(grid.at(0, 2, 0, 67)));
          CHECK(std::isnan(grid.at(0, 0, 3, 67)));
          CHECK(std::isnan(grid.at(0, 0, 0, 0)));
          CHECK(grid.at(0, 2, 0, 66) == 1);
          CHECK(grid.at(0, 1, 3, 0) == 1);
        });
}

TEST_CASE("a pad's box holds the image, centred or at the start, and is as large as was asked", "[pad]") {
  const Int3 size = {33, 40, 7};
  CHECK(padded_box(size, SpatialPad{{48, 16, 10}, false, {}}) == box_of({-7, 0, -1}, {41, 40, 9}));
  CHECK(padded_box(size, SpatialPad{{48, 16, 10}, true, {}}) == box_of({0, 0, 0}, {48, 40, 10}));
  CHECK(padded_box(size, SpatialPad{{36}, false, {}}) == box_of({-1, 0, -14}, {35, 40, 22}));
  CHECK(padded_box(size, SpatialPad{{-1, 0, 8}, false, {}}) == box_of({0, 0, 0}, {33, 40, 8}));
  CHECK(padded_box(size, DivisiblePad{{16}, false, {}}) == box_of({-7, -4, -4}, {41, 44, 12}));
  CHECK(padded_box(size, DivisiblePad{{16, 0, -3}, true, {}}) == box_of({0, 0, 0}, {48, 40, 7}));
  CHECK(padded_box(size, BorderPad{{2}, {}}) == box_of({-2, -2, -2}, {35, 42, 9}));
  CHECK(padded_box(size, BorderPad{{1, -5, 3}, {}}) == box_of({-1, 0, -3}, {34, 40, 10}));
  CHECK(padded_box(size, BorderPad{{1, 2, 3, 4, 5, 6}, {}}) == box_of({-1, -3, -5}, {35, 44, 13}));
}

TEST_CASE("each pad pads to its box, and undoing it gives the image back", "[pad]") {
  Random random(112);
  CAPTURE(random.seed());
  for (int round = 0; round < 10; ++round) {
    const HostVolume volume = random.intensities(DType::f32, 2, random.size());
    const SpatialPad size{{20, 30, 70}, random.one_in(2), {PadMode::edge, 0}};
    const DivisiblePad k{{random.between(1, 20)}, random.one_in(2), {PadMode::constant, -3}};
    const BorderPad border{{1, 0, 3, 4, 0, 2}, {PadMode::maximum, 0}};
    const auto check = [&](const auto& params, auto pad) {
      const Box box = padded_box(volume.geometry.size, params);
      on_every_backend(
          volume, [&](const DeviceVolume& v, Workspace& w) { return pad(v, params, w); },
          [&](const HostVolume& result) {
            REQUIRE(differences(result, padded_box_of<float>(volume, box, params.padding.mode,
                                                             static_cast<float>(params.padding.value))
                                            .voxels()) == 0);
          });
      on_every_backend(
          volume,
          [&](const DeviceVolume& v, Workspace& w) {
            return invert(pad(v, params, w), {AppliedPad{v.geometry(), box}}, false, w);
          },
          [&](const HostVolume& result) {
            REQUIRE(result.geometry == volume.geometry);
            REQUIRE(differences(result, Grid<float>(volume).voxels()) == 0);
          });
    };
    check(size, spatial_pad);
    check(k, divisible_pad);
    check(border, border_pad);
  }
}

TEST_CASE("padding holds its output and nothing else, and none of the size already", "[pad]") {
  const HostVolume volume = Random(113).intensities(DType::u8, 2, {9, 9, 9});
  for (const PadMode mode : kModes) {
    CAPTURE(name_of(mode));
    const auto padded_to = [&](int n) {
      return peak_bytes_of(volume, [&](const DeviceVolume& v, Workspace& w) {
        return spatial_pad(v, {{n}, false, {mode, 0}}, w);
      });
    };
    CHECK(padded_to(16) == 2 * 16 * 16 * 16);
    CHECK(padded_to(9) == 0);
  }
}

TEST_CASE("what a mode cannot pad with is refused by name", "[pad]") {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  Workspace& w = bench.workspace();
  const HostVolume host = Random(114).intensities(DType::u8, 1, {4, 4, 4});
  const DeviceVolume volume = upload(host, w);
  const auto cropped_in = [&](PadMode mode, const Box& box) { return crop(volume, box, Padding{mode, 0}, w); };
  REQUIRE_THROWS_WITH(cropped_in(PadMode::reflect, {{0, -4, 0}, {4, 4, 4}}),
                      Catch::Contains("reflect") && Catch::Contains("at most 3"));
  REQUIRE_THROWS_WITH(cropped_in(PadMode::reflect, {{0, 2, 0}, {4, 6, 4}}), Catch::Contains("at most 1"));
  REQUIRE_NOTHROW(cropped_in(PadMode::reflect, {{0, -3, 0}, {4, 7, 4}}));
  for (const PadMode mode : {PadMode::edge, PadMode::wrap, PadMode::symmetric, PadMode::reflect, PadMode::minimum})
    REQUIRE_THROWS_WITH(cropped_in(mode, {{0, 6, 0}, {4, 8, 4}}), Catch::Contains("needs a voxel"));
  REQUIRE(cropped_in(PadMode::edge, {{2, 2, 2}, {2, 2, 2}}).empty());
  REQUIRE_THROWS_WITH(spatial_pad(volume, {{5}, false, {PadMode::constant, -1}}, w), Catch::Contains("value: -1"));
  REQUIRE_NOTHROW(spatial_pad(volume, {{5}, false, {PadMode::edge, -1}}, w));
}

TEST_CASE("sizes, borders and modes that are none are refused by name", "[pad]") {
  const Int3 size = {4, 4, 4};
  REQUIRE_THROWS_WITH(padded_box(size, SpatialPad{{1, 2}, false, {}}), Catch::Contains("spatial_size: 2"));
  REQUIRE_THROWS_WITH(padded_box(size, SpatialPad{{2000000000}, true, {}}), Catch::Contains("spatial_size"));
  REQUIRE_THROWS_WITH(padded_box(size, DivisiblePad{{1, 2}, false, {}}), Catch::Contains("k: 2"));
  REQUIRE_THROWS_WITH(padded_box(size, DivisiblePad{{2147483647}, true, {}}), Catch::Contains("k: the box"));
  REQUIRE_THROWS_WITH(padded_box(size, BorderPad{{1, 2}, {}}), Catch::Contains("spatial_border: 2"));
  REQUIRE_THROWS_WITH(padded_box(size, BorderPad{{2147483647}, {}}), Catch::Contains("spatial_border"));
  for (const PadMode mode : kModes) REQUIRE(pad_mode_of(std::string(name_of(mode))) == mode);
  REQUIRE(pad_mode_of("replicate") == PadMode::edge);
  REQUIRE(pad_mode_of("circular") == PadMode::wrap);
  const auto code_of = [](const char* mode) {
    try {
      pad_mode_of(mode);
    } catch (const Error& error) {
      REQUIRE_THAT(error.what(), Catch::Contains(mode));
      return error.code();
    }
    return Code::internal;
  };
  for (const char* mode : {"mean", "median", "linear_ramp", "empty"}) REQUIRE(code_of(mode) == Code::unimplemented);
  REQUIRE(code_of("zeros") == Code::invalid_argument);
}

}  // namespace pad_test
