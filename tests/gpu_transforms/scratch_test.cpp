#include "gpu_transforms/scratch.h"

#include <random>

#include "gpu_transforms/intensity.h"
#include "gpu_transforms/labels.h"
#include "gpu_transforms/spatial.h"
#include "tests/support/backends.h"
#include "tests/support/catch.h"

namespace scratch_test {

using namespace voxd;
using namespace voxd::test;

namespace {

/// Every other voxel along each row: the most runs that there can be.
template <class T>
HostVolume comb(std::int32_t channels, const Int3& size) {
  HostVolume volume = make_host_volume(dtype_of<T>, channels, {size, identity_affine()});
  const auto voxels = volume.as<T>();
  for (std::size_t i = 0; i < voxels.size(); ++i)
    voxels[i] = static_cast<T>(i % static_cast<std::size_t>(size[2]) % 2 == 0);
  return volume;
}

Int3 some_size(std::mt19937& random) {
  std::uniform_int_distribution<std::int32_t> extent(1, 70);
  return {extent(random), extent(random), extent(random)};
}

KeepLargestConnectedComponent keep_largest(std::optional<std::vector<int>> applied_labels) {
  KeepLargestConnectedComponent params;
  params.applied_labels = std::move(applied_labels);
  params.is_onehot = false;
  return params;
}

ScaleIntensityRangePercentiles percentiles_per_channel() {
  ScaleIntensityRangePercentiles params;
  params.lower = 1;
  params.upper = 99;
  params.channel_wise = true;
  return params;
}

NormalizeIntensity nonzero() {
  NormalizeIntensity params;
  params.nonzero = true;
  return params;
}

struct Kind {
  const char* name;
  DType dtype;
  std::function<DeviceVolume(const DeviceVolume&, Workspace&)> transform;
  std::function<std::int64_t(std::int32_t, const Int3&)> stated;
  bool has_output;
};

std::vector<Kind> kinds() {
  return {
      {"keep largest", DType::u8,
       [](const DeviceVolume& v, Workspace& w) {
         return keep_largest_connected_component(v, keep_largest(std::vector{1}), w);
       },
       [](std::int32_t, const Int3& size) { return keep_largest_connected_component_scratch_bytes(size); }, true},
      {"keep largest of the labels that occur", DType::u8,
       [](const DeviceVolume& v, Workspace& w) {
         return keep_largest_connected_component(v, keep_largest(std::nullopt), w);
       },
       [](std::int32_t, const Int3& size) { return keep_largest_connected_component_scratch_bytes(size); }, true},
      {"fill holes", DType::u8,
       [](const DeviceVolume& v, Workspace& w) {
         return fill_holes(v, {.applied_labels = std::vector{1}, .connectivity = 3}, w);
       },
       fill_holes_scratch_bytes, true},
      {"remove small objects", DType::u8,
       [](const DeviceVolume& v, Workspace& w) { return remove_small_objects(v, {}, w); },
       remove_small_objects_scratch_bytes, true},
      {"scale intensity", DType::f32, [](const DeviceVolume& v, Workspace& w) { return scale_intensity(v, {}, w); },
       scale_intensity_scratch_bytes, true},
      {"contour", DType::u8, label_to_contour, label_to_contour_scratch_bytes, true},
      {"foreground box", DType::f32,
       [](const DeviceVolume& v, Workspace& w) {
         foreground_box(v, {}, w);
         return v;
       },
       foreground_box_scratch_bytes, false},
      {"percentiles", DType::f32,
       [](const DeviceVolume& v, Workspace& w) {
         return scale_intensity_range_percentiles(v, percentiles_per_channel(), w);
       },
       [](std::int32_t channels, const Int3&) { return percentiles_scratch_bytes(channels); }, true},
      {"normalize", DType::f32,
       [](const DeviceVolume& v, Workspace& w) { return normalize_intensity(v, nonzero(), w); },
       normalize_intensity_scratch_bytes, true},
  };
}

std::int64_t measured_scratch(const Kind& kind, const HostVolume& volume) {
  const std::int64_t output = kind.has_output ? static_cast<std::int64_t>(volume.voxels.size()) : 0;
  return peak_bytes_of(volume, kind.transform) - output;
}

HostVolume comb_of(DType dtype, std::int32_t channels, const Int3& size) {
  return dtype == DType::u8 ? comb<std::uint8_t>(channels, size) : comb<float>(channels, size);
}

}  // namespace

TEST_CASE("no transform takes more scratch memory than is stated for its size", "[scratch]") {
  std::mt19937 random(Catch::rngSeed());
  for (const Kind& kind : kinds())
    for (int i = 0; i < 20; ++i) {
      const Int3 size = some_size(random);
      // Several channels would be one-hot to these, where each is a mask of its own.
      const std::int32_t channels = std::string(kind.name).starts_with("keep") ? 1 : 1 + i % 3;
      CAPTURE(Catch::rngSeed(), kind.name, channels, to_string(size));
      REQUIRE(measured_scratch(kind, comb_of(kind.dtype, channels, size)) <= kind.stated(channels, size));
    }
}

TEST_CASE("the stated scratch memory is what the worst image takes", "[scratch]") {
  for (const Kind& kind : kinds()) {
    CAPTURE(kind.name);
    // The histograms are given back before the result is taken, so that a larger one would hide them.
    const Int3 size = std::string(kind.name) == "percentiles" ? Int3{4, 4, 4} : Int3{96, 96, 96};
    const std::int64_t stated = kind.stated(1, size);
    REQUIRE(measured_scratch(kind, comb_of(kind.dtype, 1, size)) >= stated - stated / 10 - 2048);
  }
}

TEST_CASE("scratch memory that does not fit 63 bits is refused", "[scratch]") {
  const Int3 huge{2'000'000'000, 2'000'000'000, 2'000'000'000};
  REQUIRE_THROWS_AS(keep_largest_connected_component_scratch_bytes(huge), Error);
  REQUIRE_THROWS_AS(label_to_contour_scratch_bytes(2'000'000'000, huge), Error);
  REQUIRE_THROWS_AS(foreground_box_scratch_bytes(2'000'000'000, huge), Error);
  REQUIRE_THROWS_AS(normalize_intensity_scratch_bytes(1, huge), Error);
  REQUIRE_THROWS_AS(fill_holes_scratch_bytes(1, huge), Error);
  REQUIRE_THROWS_AS(remove_small_objects_scratch_bytes(1, huge), Error);
  REQUIRE_THROWS_AS(scale_intensity_scratch_bytes(1, huge), Error);
  const Geometry from{huge, identity_affine()};
  REQUIRE_THROWS_AS(resample_scratch_bytes(DType::f32, 1, from, from), Error);
}

}  // namespace scratch_test
