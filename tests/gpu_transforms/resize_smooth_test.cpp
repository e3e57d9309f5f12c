#include "gpu_transforms/gaussian_smooth.h"
#include "gpu_transforms/scratch.h"
#include "gpu_transforms/spatial.h"
#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference.h"

namespace resize_smooth_test {

using namespace voxd;
using namespace voxd::test;

namespace {

/// The part of a Gaussian that falls on the voxel k away from its middle, 0 beyond MONAI's tail.
double weight(int k, double sigma) {
  const int tail = static_cast<int>(std::max(4 * sigma, 0.5) + 0.5);
  if (std::abs(k) > tail) return 0;
  if (sigma == 0) return k == 0 ? 1 : 0;
  const double scale = 0.70710678 / sigma;
  return (std::erf(scale * (k + 0.5)) - std::erf(scale * (k - 0.5))) / 2;
}

Grid<double> smoothed_along(const Grid<double>& in, int channels, int axis, double sigma) {
  Grid<double> out(channels, in.size(), 0);
  for (int c = 0; c < channels; ++c)
    for_each_voxel(in.size(), [&](int x, int y, int z) {
      Int3 at = {x, y, z};
      const int middle = at[axis];
      for (at[axis] = 0; at[axis] < in.size()[axis]; ++at[axis])
        out.at(c, x, y, z) += weight(at[axis] - middle, sigma) * in.at(c, at[0], at[1], at[2]);
    });
  return out;
}

Grid<double> smoothed(const HostVolume& volume, const Vec3& sigma) {
  Grid<double> grid(volume.channels, volume.geometry.size, 0);
  const std::vector<float> values = as_floats(volume);
  for (int c = 0; c < volume.channels; ++c)
    for_each_voxel(volume.geometry.size,
                   [&](int x, int y, int z) { grid.at(c, x, y, z) = values[grid.index(c, x, y, z)]; });
  for (int axis = 0; axis < 3; ++axis) grid = smoothed_along(grid, volume.channels, axis, sigma[axis]);
  return grid;
}

/// Values of 0..1.
HostVolume unit_volume(Random& random, std::int32_t channels, const Int3& size) {
  HostVolume volume = random.intensities(DType::f32, channels, size, false);
  for (float& v : volume.as<float>()) v = v / 2000 + 0.5f;
  return volume;
}

Resize smoothing_to(const Int3& size, Interpolation mode, std::vector<double> sigma = {}) {
  Resize params;
  params.spatial_size = {size[0], size[1], size[2]};
  params.mode = mode;
  params.anti_aliasing = true;
  params.anti_aliasing_sigma = std::move(sigma);
  return params;
}

}  // namespace

TEST_CASE("smoothing weighs neighbours by the Gaussian over their voxel, with zeros beyond the border", "[resize]") {
  Random random(130);
  CAPTURE(random.seed());
  for (int round = 0; round < 60; ++round) {
    const HostVolume volume = unit_volume(random, random.between(1, 2), random.size(14));
    const Vec3 sigma = {random.one_in(4) ? 0 : random.real(0, 6), random.one_in(4) ? 0 : random.real(0, 2),
                        random.one_in(4) ? 0 : random.real(0, 90)};
    CAPTURE(round, to_string(volume.geometry.size), sigma[0], sigma[1], sigma[2]);
    const Grid<double> wanted = smoothed(volume, sigma);
    on_every_backend(
        volume, [&](const DeviceVolume& v, Workspace& w) { return gaussian_smooth(v, sigma, w); },
        [&](const HostVolume& result) {
          REQUIRE(result.geometry == volume.geometry);
          double worst = 0;
          for (std::size_t i = 0; i < wanted.voxels().size(); ++i)
            worst = std::max(worst, std::abs(wanted.voxels()[i] - double(result.as<float>()[i])));
          REQUIRE(worst < 2e-6);
        });
  }
}

TEST_CASE("anti-aliasing smooths the axes that shrink, by the ratio or as asked, and then resizes", "[resize]") {
  Random random(131);
  CAPTURE(random.seed());
  for (int round = 0; round < 60; ++round) {
    const HostVolume volume = unit_volume(random, random.between(1, 2), random.size());
    const Int3 in = volume.geometry.size, out = random.size(20);
    const Interpolation mode = round % 3 == 0   ? Interpolation::area
                               : round % 3 == 1 ? Interpolation::trilinear
                                                : Interpolation::nearest;
    const std::vector<double> asked = round % 4 == 0   ? std::vector<double>{random.real(0, 2)}
                                      : round % 4 == 1 ? std::vector<double>{0.3, 1.2, 0}
                                                       : std::vector<double>{};
    Vec3 sigma{};
    for (std::size_t a = 0; a < 3; ++a)
      if (in[a] > out[a])
        sigma[a] = asked.empty() ? (static_cast<float>(in[a]) / static_cast<float>(out[a]) - 1) / 2
                                 : asked[asked.size() == 1 ? 0 : a];
    CAPTURE(round, to_string(in), to_string(out));
    Resize plain = smoothing_to(out, mode);
    plain.anti_aliasing = false;
    const bool shrinks = in[0] > out[0] || in[1] > out[1] || in[2] > out[2];
    on_every_backend([&](Bench& bench) {
      Workspace& w = bench.workspace();
      const DeviceVolume v = upload(volume, w);
      const HostVolume got = download(resize(v, smoothing_to(out, mode, asked), w), w),
                       wanted = download(resize(shrinks ? gaussian_smooth(v, sigma, w) : v, plain, w), w);
      w.stream().synchronize();
      REQUIRE(got.geometry == wanted.geometry);
      const auto values = wanted.as<float>();
      REQUIRE(differences(got, std::vector<float>(values.begin(), values.end())) == 0);
    });
  }
}

TEST_CASE("a NaN spreads as far as the kernel reaches, one voxel along an axis that does not shrink", "[resize]") {
  HostVolume volume = make_host_volume(DType::f32, 1, {{9, 9, 9}, identity_affine()});
  for (float& v : volume.as<float>()) v = 1;
  volume.as<float>()[(4 * 9 + 4) * 9 + 4] = std::numeric_limits<float>::quiet_NaN();
  on_every_backend(
      volume,
      [](const DeviceVolume& v, Workspace& w) {
        return gaussian_smooth(v, {0, 0.5, 0}, w);
      },
      [](const HostVolume& result) {
        const Grid<float> grid(result);
        for_each_voxel(grid.size(), [&](int x, int y, int z) {
          const bool reached = std::abs(x - 4) <= 1 && std::abs(y - 4) <= 2 && std::abs(z - 4) <= 1;
          REQUIRE(std::isnan(grid.at(0, x, y, z)) == reached);
        });
      });
}

TEST_CASE("smoothing holds two copies of the image and the kernels, before there is an output", "[resize]") {
  const HostVolume volume = Random(132).intensities(DType::f32, 1, {20, 21, 22});
  const std::int64_t copy = 20 * 21 * 22 * 4;
  const auto peak = [&](const std::vector<double>& sigma) {
    return peak_bytes_of(volume, [&](const DeviceVolume& v, Workspace& w) {
      return resize(v, smoothing_to({3, 3, 3}, Interpolation::area, sigma), w);
    });
  };
  CHECK(peak({}) <= 2 * copy + gaussian_kernels_bytes({20, 21, 22}));
  CHECK(peak({1e30}) == 2 * copy + gaussian_kernels_bytes({20, 21, 22}));
}

TEST_CASE("a standard deviation that is none is refused", "[resize]") {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  Workspace& w = bench.workspace();
  const HostVolume host = Random(133).intensities(DType::f32, 1, {6, 6, 6});
  const DeviceVolume volume = upload(host, w);
  for (const std::vector<double>& sigma : {std::vector<double>{-1}, {NAN}, {INFINITY}, {1, 2}, {1, 1, -0.5}})
    REQUIRE_THROWS_WITH(resize(volume, smoothing_to({3, 3, 3}, Interpolation::area, sigma), w),
                        Catch::Contains("anti_aliasing_sigma"));
}

}  // namespace resize_smooth_test
