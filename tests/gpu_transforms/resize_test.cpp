#include "gpu_transforms/spatial.h"
#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference.h"

namespace resize_test {

using namespace voxd;
using namespace voxd::test;

namespace {

Resize to_size(const Int3& size, Interpolation mode, bool align_corners = false) {
  return {.spatial_size = {size[0], size[1], size[2]}, .longest = false, .mode = mode, .align_corners = align_corners};
}

/// Position in the source of an index, in double.
double source(int i, int in, int out, bool align_corners) {
  if (align_corners) return out > 1 ? i * double(in - 1) / (out - 1) : 0;
  return std::clamp((i + 0.5) * in / out - 0.5, 0.0, double(in - 1));
}

double interpolated(const Grid<float>& in, int c, const Vec3& at) {
  const auto [x, y, z] = at;
  double sum = 0;
  for (int corner = 0; corner < 8; ++corner) {
    const int i = int(x) + (corner & 1), j = int(y) + (corner >> 1 & 1), k = int(z) + (corner >> 2);
    const double weight = (1 - std::abs(x - i)) * (1 - std::abs(y - j)) * (1 - std::abs(z - k));
    if (weight > 0) sum += weight * in.at(c, i, j, k);
  }
  return sum;
}

Resize asked(std::vector<int> spatial_size, bool longest = false) {
  Resize params;
  params.spatial_size = std::move(spatial_size);
  params.longest = longest;
  return params;
}

void check_size(const Int3& got, const Int3& wanted) { REQUIRE(got == wanted); }

}  // namespace

TEST_CASE("area resizing equals the plain loop bit for bit, growing and shrinking", "[resize]") {
  Random random(50);
  CAPTURE(random.seed());
  for (int round = 0; round < 40; ++round) {
    const HostVolume volume =
        random.intensities(random.one_in(4) ? DType::i16 : DType::f32, random.between(1, 2), random.size(), false);
    const Int3 out = random.size(round % 4 == 0 ? 6 : 40);
    CAPTURE(round, to_string(volume.geometry.size), to_string(out));
    Grid<float> floats(volume.channels, volume.geometry.size, 0);
    const std::vector<float> values = as_floats(volume);
    for (int c = 0; c < volume.channels; ++c)
      for_each_voxel(volume.geometry.size,
                     [&](int x, int y, int z) { floats.at(c, x, y, z) = values[floats.index(c, x, y, z)]; });
    const std::vector<float> wanted =
        out == volume.geometry.size ? values : pooled(floats, volume.channels, out).voxels();
    on_every_backend(
        volume, [&](const DeviceVolume& v, Workspace& w) { return resize(v, to_size(out, Interpolation::area), w); },
        [&](const HostVolume& result) {
          REQUIRE(result.geometry.size == out);
          REQUIRE(differences(result, wanted) == 0);
        });
  }
}

TEST_CASE("area resizing equals the plain loop for every ratio along z", "[resize]") {
  Random random(51);
  for (int in = 1; in <= 12; ++in)
    for (int out = 1; out <= 26; ++out) {
      const HostVolume volume = random.intensities(DType::f32, 1, {5, 9, in}, false);
      const Int3 size = {2, 2, out};
      CAPTURE(in, out);
      const std::vector<float> wanted = pooled(Grid<float>(volume), 1, size).voxels();
      Bench bench("serial", make_cpu_stream(Backend::serial));
      const HostVolume result =
          download(resize(upload(volume, bench.workspace()), to_size(size, Interpolation::area), bench.workspace()),
                   bench.workspace());
      REQUIRE(differences(result, wanted) == 0);
    }
}

TEST_CASE("trilinear resizing interpolates between the eight neighbours", "[resize]") {
  Random random(52);
  CAPTURE(random.seed());
  for (int round = 0; round < 30; ++round) {
    HostVolume volume = random.intensities(DType::f32, random.between(1, 2), random.size(), false);
    for (float& v : volume.as<float>()) v /= 1000;
    const Int3 in = volume.geometry.size, out = random.size(40);
    if (in == out) continue;
    const bool align_corners = random.one_in(2);
    const Grid<float> grid(volume);
    CAPTURE(round, to_string(in), to_string(out), align_corners);
    on_every_backend(
        volume,
        [&](const DeviceVolume& v, Workspace& w) {
          return resize(v, to_size(out, Interpolation::trilinear, align_corners), w);
        },
        [&](const HostVolume& result) {
          double worst = 0;
          const Grid<float> got(result);
          for (int c = 0; c < volume.channels; ++c)
            for_each_voxel(out, [&](int x, int y, int z) {
              const Vec3 at = {source(x, in[0], out[0], align_corners), source(y, in[1], out[1], align_corners),
                               source(z, in[2], out[2], align_corners)};
              worst = std::max(worst, std::abs(got.at(c, x, y, z) - interpolated(grid, c, at)));
            });
          REQUIRE(worst < 3e-5);  // positions are float32, as torch's are
        });
  }
}

TEST_CASE("a NaN spreads to what it is interpolated into and no further", "[resize]") {
  HostVolume volume = make_host_volume(DType::f32, 1, {{1, 1, 8}, identity_affine()});
  for (float& v : volume.as<float>()) v = 1;
  volume.as<float>()[5] = std::numeric_limits<float>::quiet_NaN();
  on_every_backend(
      volume,
      [](const DeviceVolume& v, Workspace& w) {
        return resize(v, to_size({1, 1, 16}, Interpolation::trilinear), w);
      },
      [](const HostVolume& result) {
        for (int z = 0; z < 16; ++z)
          REQUIRE(std::isnan(result.as<float>()[static_cast<std::size_t>(z)]) == (z >= 9 && z <= 12));
      });
}

TEST_CASE("nearest resizing takes one voxel, at the ratio of the sizes", "[resize]") {
  Random random(53);
  CAPTURE(random.seed());
  for (int round = 0; round < 30; ++round) {
    const HostVolume volume = random.intensities(DType::f32, random.between(1, 2), random.size());
    const Int3 in = volume.geometry.size, out = random.size(40);
    if (in == out) continue;
    const bool exact = random.one_in(2);
    const Grid<float> grid(volume);
    Grid<float> wanted(volume.channels, out, 0);
    const auto at = [&](int i, int a) {
      if (exact) return std::min(int(std::floor(float((i + 0.5) * double(float(in[a]) / float(out[a]))))), in[a] - 1);
      return std::min(int(std::floor(float(i) * (float(in[a]) / float(out[a])))), in[a] - 1);
    };
    for (int c = 0; c < volume.channels; ++c)
      for_each_voxel(out,
                     [&](int x, int y, int z) { wanted.at(c, x, y, z) = grid.at(c, at(x, 0), at(y, 1), at(z, 2)); });
    CAPTURE(round, to_string(in), to_string(out), exact);
    on_every_backend(
        volume,
        [&](const DeviceVolume& v, Workspace& w) {
          return resize(v, to_size(out, exact ? Interpolation::nearest_exact : Interpolation::nearest), w);
        },
        [&](const HostVolume& result) { REQUIRE(differences(result, wanted.voxels()) == 0); });
  }
}

TEST_CASE("the grid keeps its edges in the patient, or its corner voxels with align_corners", "[resize]") {
  Random random(54);
  for (const bool align_corners : {false, true}) {
    const HostVolume volume = random.intensities(DType::f32, 1, {10, 11, 12});
    on_every_backend(
        volume,
        [&](const DeviceVolume& v, Workspace& w) {
          return resize(v, to_size({7, 22, 5}, Interpolation::trilinear, align_corners), w);
        },
        [&](const HostVolume& result) {
          const double edge = align_corners ? 0 : 0.5;
          for (const bool far : {false, true}) {
            const auto corner = [&](const Geometry& g) {
              const auto at = [&](int a) { return far ? g.size[a] - 1 + edge : -edge; };
              return apply(g.affine, {at(0), at(1), at(2)});
            };
            const Vec3 before = corner(volume.geometry), after = corner(result.geometry);
            for (int a = 0; a < 3; ++a) REQUIRE(after[a] == Approx(before[a]).epsilon(0).margin(1e-9));
          }
        });
  }
}

TEST_CASE("the size asked for is kept, completed, or scaled by the longest axis", "[resize]") {
  const Int3 size = {512, 341, 114};
  check_size(resized(size, asked({10, 20, 30})), {10, 20, 30});
  check_size(resized(size, asked({10, -1, 0})), {10, 341, 114});
  check_size(resized(size, asked({64})), {64, 64, 64});
  check_size(resized(size, asked({128}, true)), {128, 85, 28});  // 28.5 rounds to the even neighbour
  REQUIRE_THROWS_WITH(resized(size, asked({1, 2})), Catch::Contains("spatial_size: 2"));
  REQUIRE_THROWS_WITH(resized(size, asked({1, 2, 3}, true)), Catch::Contains("longest"));
}

TEST_CASE("a volume of the size already is not copied", "[resize]") {
  const HostVolume volume = Random(55).intensities(DType::f32, 1, {4, 5, 6});
  for (const Interpolation mode : {Interpolation::area, Interpolation::trilinear, Interpolation::nearest})
    REQUIRE(peak_bytes_of(volume, [&](const DeviceVolume& v, Workspace& w) {
              return resize(v, to_size({4, 5, 6}, mode), w);
            }) == 0);
}

TEST_CASE("resizing holds its output and tables of the axes", "[resize]") {
  const HostVolume volume = Random(56).intensities(DType::f32, 1, {20, 20, 20});
  for (const Interpolation mode : {Interpolation::area, Interpolation::trilinear, Interpolation::nearest})
    REQUIRE(peak_bytes_of(volume, [&](const DeviceVolume& v, Workspace& w) {
              return resize(v, to_size({30, 31, 32}, mode), w);
            }) <= 30 * 31 * 32 * 4 + 3 * 4 * (30 + 31 + 32));
}

TEST_CASE("nothing cannot be resized, nor anything to nothing", "[resize]") {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  const HostVolume none = make_host_volume(DType::f32, 1, {{0, 0, 0}, identity_affine()}),
                   thin = Random(57).intensities(DType::f32, 1, {30, 3, 1});
  REQUIRE_THROWS_AS(resize(upload(none, bench.workspace()), to_size({4, 4, 4}, Interpolation::area), bench.workspace()),
                    Error);
  REQUIRE_THROWS_AS(resize(upload(thin, bench.workspace()), asked({5}, true), bench.workspace()), Error);
}

TEST_CASE("interpolations go by MONAI's names", "[resize]") {
  for (const Interpolation mode :
       {Interpolation::area, Interpolation::trilinear, Interpolation::nearest, Interpolation::nearest_exact})
    REQUIRE(interpolation_of(std::string(name_of(mode))) == mode);
  REQUIRE_THROWS_WITH(interpolation_of("bicubic"), Catch::Contains("bicubic"));
}

}  // namespace resize_test
