#include "gpu_transforms/spacing.h"

#include "tests/support/backends.h"
#include "tests/support/random_volume.h"
#include "tests/support/reference_resample.h"

namespace spacing_test {

using namespace voxd;
using namespace voxd::test;

namespace {

Spacing to(std::vector<double> pixdim) {
  Spacing params;
  params.pixdim = std::move(pixdim);
  return params;
}

Geometry straight(const Int3& size, const Vec3& mm) {
  Geometry geometry{size, identity_affine()};
  for (std::size_t a = 0; a < 3; ++a) geometry.affine[a][a] = mm[a];
  return geometry;
}

/// Rotated about all axes, without shear.
Affine turned(Random& random, const Vec3& mm) {
  Affine result = identity_affine();
  for (std::size_t a = 0; a < 3; ++a) {
    const double angle = random.real(-0.6, 0.6);
    Affine turn = identity_affine();
    const std::size_t b = (a + 1) % 3, c = (a + 2) % 3;
    turn[b][b] = turn[c][c] = std::cos(angle);
    turn[b][c] = -std::sin(angle);
    turn[c][b] = std::sin(angle);
    result = result * turn;
  }
  Affine zoom = identity_affine();
  for (std::size_t a = 0; a < 3; ++a) zoom[a][a] = mm[a];
  result = result * zoom;
  for (std::size_t a = 0; a < 3; ++a) result[a][3] = random.real(-100, 100);
  return result;
}

std::string refusal(const Geometry& geometry, const Spacing& params) {
  try {
    spaced(geometry, params);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("sizes are what fits between the first and the last voxel, halves rounded to even", "[spacing]") {
  const auto size = [](int n, double mm, double target) {
    return spaced(straight({n, n, n}, {mm, mm, mm}), to({target})).size;
  };
  CHECK(size(4, 0.5, 1) == Int3{2, 2, 2});  // 2.5
  CHECK(size(6, 0.5, 1) == Int3{4, 4, 4});  // 3.5
  CHECK(size(512, 0.79, 1.5) == Int3{270, 270, 270});
  CHECK(size(114, 5, 2) == Int3{284, 284, 284});  // 283.5
  CHECK(size(1, 5, 2) == Int3{1, 1, 1});
}

TEST_CASE("without shear the corner voxel stays where it is and axes keep their direction", "[spacing]") {
  Random random(210);
  CAPTURE(random.seed());
  for (int round = 0; round < 200; ++round) {
    const Vec3 mm = {random.real(0.5, 4), random.real(0.5, 4), random.real(0.5, 4)},
               target = {random.real(0.5, 4), random.real(0.5, 4), random.real(0.5, 4)};
    const Geometry from{random.size(60), turned(random, mm)};
    const Geometry result = spaced(from, to({target[0], target[1], target[2]}));
    for (std::size_t a = 0; a < 3; ++a) {
      CAPTURE(round, a, mm[a], target[a], to_string(from.size), to_string(result.size));
      CHECK(std::abs(result.size[a] - ((from.size[a] - 1) * mm[a] / target[a] + 1)) <= 0.5 + 1e-9);
      for (std::size_t row = 0; row < 3; ++row) {
        CHECK(result.affine[row][a] / target[a] == Approx(from.affine[row][a] / mm[a]).epsilon(0).margin(1e-12));
        CHECK(result.affine[row][3] == Approx(from.affine[row][3]).epsilon(0).margin(1e-9));
      }
    }
  }
}

TEST_CASE(
    "with shear the new axes stand at right angles, and the first corner stays, or where there is none the middle",
    "[spacing]") {
  Random random(211);
  CAPTURE(random.seed());
  int corners = 0, middles = 0;
  for (int round = 0; round < 200; ++round) {
    const Geometry from{{random.between(5, 40), random.between(5, 40), random.between(5, 40)}, random.affine()};
    const Geometry result = spaced(from, to({1.5, 1.5, 2}));
    const auto near = [](const Vec3& a, const Vec3& b) {
      return std::abs(a[0] - b[0]) + std::abs(a[1] - b[1]) + std::abs(a[2] - b[2]) < 1e-8;
    };
    const auto middle = [](const Geometry& g) {
      return apply(g.affine, {g.size[0] / 2.0, g.size[1] / 2.0, g.size[2] / 2.0});
    };
    // In the new grid's voxels, a corner that comes first has the least of all three coordinates.
    const Affine to_new = inverse(result.affine) * from.affine;
    const Vec3 first = voxd::apply(to_new, {0, 0, 0});
    Vec3 least = first;
    for (int corner = 1; corner < 8; ++corner) {
      const Vec3 at =
          voxd::apply(to_new, {(corner & 1) * (from.size[0] - 1.0), (corner >> 1 & 1) * (from.size[1] - 1.0),
                               (corner >> 2) * (from.size[2] - 1.0)});
      for (std::size_t a = 0; a < 3; ++a) least[a] = std::min(least[a], at[a]);
    }
    if (near(first, least)) {
      ++corners;
      CHECK(near(first, {0, 0, 0}));
    } else {
      ++middles;
      CHECK(near(middle(result), middle(from)));
    }
    for (std::size_t a = 0; a < 3; ++a) {
      double dot = 0;
      for (std::size_t row = 0; row < 3; ++row) dot += result.affine[row][a] * result.affine[row][(a + 1) % 3];
      CHECK(dot == Approx(0).epsilon(0).margin(1e-12));
    }
    CHECK(spacing_mm(result.affine)[2] == Approx(2).epsilon(1e-12));
  }
  CHECK(corners > 10);
  CHECK(middles > 10);
}

TEST_CASE("an axis is kept within 1e-3 mm, within its window, or where no spacing is asked for", "[spacing]") {
  const Geometry from = straight({20, 20, 20}, {1.5009, 1.502, 3});
  CHECK(spaced(from, to({1.5, 1.6, 0})).affine[0][0] == Approx(1.5009).epsilon(1e-9));
  CHECK(spaced(from, to({1.5, 1.6, 0})).affine[1][1] == Approx(1.6).epsilon(1e-12));
  CHECK(spaced(from, to({1.5, 1.6, -1})).affine[2][2] == Approx(3).epsilon(1e-12));
  Spacing window = to({1});
  window.min_pixdim = {0.5};
  window.max_pixdim = {2, 1.6};
  CHECK(spaced(from, window).affine[0][0] == Approx(1.5009).epsilon(1e-12));
  CHECK(spaced(from, window).affine[1][1] == Approx(1.502).epsilon(1e-12));
  CHECK(spaced(from, window).affine[2][2] == Approx(1).epsilon(1e-12));
}

TEST_CASE("what MONAI does not resample keeps its voxels and its affine", "[spacing]") {
  const Geometry from = straight({9, 8, 7}, {1.5009, 1.4992, 2.002});
  CHECK(spaced(from, to({1.5, 1.5, 2})) == from);
  CHECK_FALSE(spaced(straight({9, 8, 7}, {1.5, 1.5, 2.003}), to({1.5, 1.5, 2})) ==
              straight({9, 8, 7}, {1.5, 1.5, 2.003}));
  HostVolume volume = make_host_volume(DType::f32, 1, from);
  CHECK(peak_bytes_of(volume, [](const DeviceVolume& v, Workspace& w) {
          return spacing(v, to({1.5, 1.5, 2}), w);
        }) == 0);
}

TEST_CASE("a size that is given wins over the computed one", "[spacing]") {
  const Geometry from = straight({20, 20, 20}, {1, 1, 1});
  CHECK(spaced(from, to({2}), Int3{9, 10, 11}).size == Int3{9, 10, 11});
}

TEST_CASE("with recompute_affine the affine is the ratio of the sizes", "[spacing]") {
  Spacing params = to({2});
  params.recompute_affine = true;
  const Geometry from = straight({20, 21, 1}, {1, 1, 1});
  const Geometry result = spaced(from, params);
  REQUIRE(result.size == Int3{10, 11, 1});
  CHECK(result.affine[0][0] == 2);
  CHECK(result.affine[0][3] == 0.5);
  CHECK(result.affine[1][1] == Approx(21 / 11.0).epsilon(1e-12));
  params.resampling.align_corners = true;
  CHECK(spaced(from, params).affine[1][1] == 2);
  CHECK(spaced(from, params).affine[1][3] == 0);
}

TEST_CASE("a volume is sampled on its new grid", "[spacing]") {
  Random random(212);
  CAPTURE(random.seed());
  for (int round = 0; round < 90; ++round) {
    HostVolume volume = random.intensities(round % 2 == 0 ? DType::i16 : DType::f32, 1, random.size(14), false);
    volume.geometry.affine = round % 3 == 0   ? random.affine(false)
                             : round % 3 == 1 ? random.affine()
                                              : turned(random, {0.8, random.real(0.6, 3), 2.5});
    Spacing params = to({random.real(0.8, 3), random.real(0.8, 3), random.real(0.8, 3)});
    params.diagonal = random.one_in(3);
    params.scale_extent = random.one_in(4);
    params.resampling.outside = Outside(random.between(0, 2));
    params.resampling.mode = random.one_in(3) ? GridMode::nearest : GridMode::bilinear;
    Geometry target;
    try {
      target = spaced(volume.geometry, params);
    } catch (const Error&) {
      REQUIRE(params.scale_extent);  // a single voxel shrinks to none
      continue;
    }
    CAPTURE(round, to_string(volume.geometry.size), to_string(target.size));
    on_every_backend(
        volume, [&](const DeviceVolume& v, Workspace& w) { return spacing(v, params, w); },
        [&](const HostVolume& result) {
          REQUIRE(result.geometry == target);
          if (target == volume.geometry)
            REQUIRE(differences(result, as_floats(volume)) == 0);
          else
            REQUIRE(wrong_samples(volume, result, params.resampling) == 0);
        });
  }
}

TEST_CASE("spacing refuses what makes no grid, naming the number", "[spacing]") {
  const Geometry from = straight({20, 20, 20}, {1, 1, 1});
  CHECK(refusal(from, to({})) == "pixdim: no number, at least 1");
  CHECK_THAT(refusal(from, to({1, NAN})), Catch::Contains("pixdim: nan"));
  CHECK_THAT(refusal(from, to({1e-12})), Catch::Contains("voxels along axis 0, must be 1 to 2147483647"));
  CHECK_THAT(refusal(straight({2000, 2000, 2000}, {1, 1, 1}), to({1e-5})), Catch::Contains("pixdim"));
  Spacing params = to({1});
  params.min_pixdim = {2};
  params.max_pixdim = {1};
  CHECK_THAT(refusal(from, params), Catch::Contains("min_pixdim[0]: 2") && Catch::Contains("(1)"));
  Spacing extent = to({9});
  extent.scale_extent = true;
  CHECK_THAT(refusal(straight({1, 20, 20}, {1, 1, 1}), extent), Catch::Contains("0 voxels along axis 0"));
  CHECK_THAT(refusal({{20, 20, 0}, identity_affine()}, to({1})), Catch::Contains("20x20x0"));
  CHECK_THAT(refusal(straight({20, 20, 20}, {1, 1, 0}), to({1})), Catch::Contains("affine"));
}

}  // namespace spacing_test
