#include "gpu_transforms/argmax_on_grid.h"

#include "gpu_transforms/labels.h"
#include "gpu_transforms/scratch.h"
#include "gpu_transforms/spacing.h"
#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference.h"

namespace argmax_on_grid_test {

using namespace voxd;
using namespace voxd::test;

namespace {

constexpr const char* kOrientations[] = {"RAS", "LPS", "SRA", "AIL", "PSL", "IPR"};

Spacing some_spacing(Random& random) {
  Spacing params;
  params.pixdim = {random.real(0.6, 3), random.real(0.6, 3), random.real(0.6, 3)};
  params.diagonal = random.one_in(6);
  params.resampling = {random.one_in(4) ? GridMode::nearest : GridMode::bilinear, Outside(random.between(0, 2)),
                       random.one_in(3)};
  return params;
}

Resize some_resize(Random& random) {
  return {.spatial_size = {random.between(1, 20), random.between(1, 20), random.between(1, 20)},
          .longest = false,
          .mode = Interpolation(random.between(0, 3)),
          .align_corners = false};
}

/// Applies a step of some kind to a grid; only grids are needed to know how to go back.
AppliedTransform applied(Random& random, Geometry& grid) {
  const Geometry before = grid;
  switch (random.between(0, 4)) {
    case 0: {
      Bench bench("serial", make_cpu_stream(Backend::serial));
      const HostVolume host = make_host_volume(DType::u8, 1, grid);
      grid = orientation(upload(host, bench.workspace()), kOrientations[random.between(0, 5)], bench.workspace())
                 .geometry();
      return AppliedOrientation{before};
    }
    case 1:
    case 2: {
      Box box;
      for (std::size_t a = 0; a < 3; ++a) {
        box.start[a] = random.between(-2, grid.size[a] - 1);
        box.end[a] = random.between(box.start[a] + 1, grid.size[a] + 2);
      }
      const Vec3 origin = voxd::apply(grid.affine, {double(box.start[0]), double(box.start[1]), double(box.start[2])});
      for (std::size_t row = 0; row < 3; ++row) grid.affine[row][3] = origin[row];
      grid.size = box.size();
      return random.one_in(2) ? AppliedTransform{AppliedCrop{before, box}} : AppliedPad{before, box};
    }
    case 3: {
      const Resize params = some_resize(random);
      grid = resized(grid, params);
      return AppliedResize{before, params};
    }
    default: {
      const Spacing params = some_spacing(random);
      grid = spaced(grid, params);
      return AppliedSpacing{before, grid, params.resampling};
    }
  }
}

/// Scores of few values, so that ties abound, with NaN and infinities.
HostVolume scores(Random& random, std::int32_t channels, const Geometry& grid, bool special) {
  HostVolume volume = make_host_volume(DType::f32, channels, grid);
  for (float& v : volume.as<float>()) {
    v = static_cast<float>(random.between(0, 3));
    if (random.one_in(3)) v += static_cast<float>(random.real(0, 1));
    if (special && random.one_in(200))
      v = random.one_in(2) ? std::numeric_limits<float>::quiet_NaN() : -std::numeric_limits<float>::infinity();
  }
  return volume;
}

/// argmax of the inverted volume, on the serial backend.
HostVolume expected(const HostVolume& volume, const SpatialTrace& trace, bool nearest) {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  Workspace& w = bench.workspace();
  return download(argmax(invert(upload(volume, w), trace, nearest, w), w), w);
}

void check_same_labels(const HostVolume& volume, const SpatialTrace& trace, bool nearest) {
  const HostVolume wanted = expected(volume, trace, nearest);
  on_every_backend(
      volume, [&](const DeviceVolume& v, Workspace& w) { return argmax_on_grid(v, trace, nearest, w); },
      [&](const HostVolume& result) {
        REQUIRE(result.geometry == wanted.geometry);
        REQUIRE(result.dtype == wanted.dtype);
        REQUIRE(differences(result, Grid<std::uint8_t>(wanted).voxels()) == 0);
      });
}

Geometry straight(const Int3& size, const Vec3& mm) {
  Geometry geometry{size, identity_affine()};
  for (std::size_t a = 0; a < 3; ++a) geometry.affine[a][a] = mm[a];
  return geometry;
}

AppliedSpacing spacing_of(const Geometry& from, std::vector<double> pixdim) {
  Spacing params;
  params.pixdim = std::move(pixdim);
  return {from, spaced(from, params), params.resampling};
}

}  // namespace

TEST_CASE("the labels on the image's grid are those of the inverted scores, whatever the chain", "[argmax_on_grid]") {
  Random random(220);
  CAPTURE(random.seed());
  int compared = 0;
  for (int round = 0; round < 400; ++round) {
    Geometry grid{{random.between(1, 18), random.between(1, 18), random.between(1, 18)},
                  random.affine(random.one_in(2))};
    SpatialTrace trace;
    std::string steps;
    for (int n = random.between(0, 4); n > 0; --n) {
      trace.push_back(applied(random, grid));
      steps += std::to_string(trace.back().index()) + " " + to_string(grid.size) + "  ";
    }
    if (grid.voxels() > 20'000) continue;
    ++compared;
    const bool nearest = random.one_in(4);
    CAPTURE(round, steps, nearest);
    check_same_labels(scores(random, random.between(1, 14), grid, random.one_in(2)), trace, nearest);
  }
  CHECK(compared > 300);
}

TEST_CASE("labels are the same in either order of the axes, and across the ring of planes", "[argmax_on_grid]") {
  Random random(221);
  CAPTURE(random.seed());
  // z shrinks and x, y grow on the way back; all of x, y, z the other way round; flipped; more planes than the ring
  // has.
  const Geometry images[] = {straight({60, 50, 20}, {1, 1, 5}), straight({10, 12, 80}, {4, 4, 0.7}),
                             straight({40, 41, 30}, {-1, -1, 3}), straight({90, 200, 150}, {1, 1, 1})};
  for (const Geometry& image : images) {
    const AppliedSpacing step = spacing_of(image, {2, 2, 2});
    for (const std::int32_t channels : {2, 5, 14}) {
      CAPTURE(to_string(image.size), to_string(step.after.size), channels);
      check_same_labels(scores(random, channels, step.after, false), {step}, false);
    }
  }
}

TEST_CASE("labels that are brought back by nearest neighbours are invert's, in their own type", "[argmax_on_grid]") {
  Random random(225);
  CAPTURE(random.seed());
  for (int round = 0; round < 40; ++round) {
    Geometry grid{{random.between(2, 14), random.between(2, 14), random.between(2, 14)}, random.affine()};
    SpatialTrace trace;
    for (int steps = random.between(0, 4); steps > 0; --steps) trace.push_back(applied(random, grid));
    if (grid.voxels() > 20'000) continue;
    HostVolume labels = random.labels(random.one_in(2) ? DType::u8 : DType::u16, 1, grid.size, 5, 0.3);
    labels.geometry = grid;
    CAPTURE(round, name_of(labels.dtype), to_string(grid.size));
    const HostVolume result = result_on_every_backend(
        labels, [&](const DeviceVolume& v, Workspace& w) { return invert_labels(v, trace, w); });
    REQUIRE(result.dtype == labels.dtype);
    Bench bench("serial", make_cpu_stream(Backend::serial));
    const HostVolume wanted =
        download(invert(upload(labels, bench.workspace()), trace, true, bench.workspace()), bench.workspace());
    REQUIRE(result.geometry == wanted.geometry);
    REQUIRE(as_floats(result) == as_floats(wanted));
  }
}

TEST_CASE("more than 256 classes give uint16 labels", "[argmax_on_grid]") {
  Random random(222);
  const AppliedSpacing step = spacing_of(straight({6, 7, 5}, {1, 1, 3}), {2, 1.5, 1});
  HostVolume volume = make_host_volume(DType::f32, 300, step.after);
  for (float& v : volume.as<float>()) v = static_cast<float>(random.real(0, 1));
  for (const SpatialTrace& trace : {SpatialTrace{step}, SpatialTrace{AppliedOrientation{step.before}, step}}) {
    const HostVolume wanted = expected(volume, trace, false);
    on_every_backend(
        volume, [&](const DeviceVolume& v, Workspace& w) { return argmax_on_grid(v, trace, false, w); },
        [&](const HostVolume& result) { REQUIRE(differences(result, Grid<std::uint16_t>(wanted).voxels()) == 0); });
  }
}

TEST_CASE("scores at the image's resolution are never all there", "[argmax_on_grid][memory]") {
  Random random(223);
  const Geometry image = straight({150, 140, 60}, {1, 1, 3});
  Geometry oblique = image;
  oblique.affine[0][1] = 0.2;
  Resize half;
  half.spatial_size = {75, 70, 60};
  for (const Geometry& grid : {image, oblique}) {
    const std::int64_t labels = grid.voxels(), channels = 14;
    const auto peak = [&](const AppliedTransform& step, const Geometry& net) {
      const HostVolume volume = scores(random, channels, net, false);
      return peak_bytes_of(volume, [&](const DeviceVolume& v, Workspace& w) {
        return argmax_on_grid(v, {AppliedOrientation{grid}, step}, false, w);
      });
    };
    const AppliedSpacing step = spacing_of(grid, {2, 2, 2});
    const std::int64_t scratch =
        std::max(kPartBytes, resample_scratch_bytes(DType::f32, channels, step.after, step.before));
    REQUIRE(peak(step, step.after) <= labels + scratch + 4096);
    REQUIRE(peak(AppliedResize{grid, half}, resized(grid, half)) <= labels + kPartBytes + 16'384);
    // What inverting would take.
    REQUIRE(labels + scratch < 4 * channels * grid.voxels() / 3);
  }
}

TEST_CASE("a volume that the trace does not end on is refused as by invert", "[argmax_on_grid]") {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  Workspace& w = bench.workspace();
  const HostVolume host = Random(224).intensities(DType::f32, 2, {5, 6, 7});
  const DeviceVolume volume = upload(host, w);
  const Geometry before = straight({10, 10, 10}, {1, 1, 1});
  const auto refused = [&](const AppliedTransform& step, bool nearest) {
    REQUIRE_THROWS_WITH(argmax_on_grid(volume, {step}, nearest, w), Catch::Contains("5x6x7"));
  };
  for (const bool nearest : {false, true}) {
    refused(spacing_of(before, {2}), nearest);
    refused(AppliedCrop{before, {{0, 0, 0}, {5, 6, 8}}}, nearest);
    Resize four;
    four.spatial_size = {4};
    refused(AppliedResize{before, four}, nearest);
  }
  REQUIRE_THROWS_WITH(argmax_on_grid(DeviceVolume(DType::f32, 0, before, w), {}, false, w),
                      Catch::Contains("without channels"));
}

}  // namespace argmax_on_grid_test
