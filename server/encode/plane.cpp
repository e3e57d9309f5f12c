#include "server/encode/plane.h"

#include <algorithm>
#include <cmath>

namespace voxd {
namespace {

/// Between which two samples a position lies, and how near to the second; beyond the ends the last sample goes on.
struct Between {
  int first;
  int second;
  double share;  // of the second
};

Between between(double position, int size) {
  const double clamped = std::clamp(position, 0.0, static_cast<double>(size - 1));
  const int first = static_cast<int>(clamped);
  return {first, std::min(first + 1, size - 1), clamped - first};
}

/// The positions of `pixels * per_pixel` evenly spaced points along `size` voxels.
std::vector<Between> positions(int size, int pixels, int per_pixel) {
  std::vector<Between> result;
  const int points = pixels * per_pixel;
  for (int i = 0; i < points; ++i) result.push_back(between((i + 0.5) * size / points - 0.5, size));
  return result;
}

int points_per_pixel(int size, int pixels) { return std::clamp((size + pixels - 1) / pixels, 1, 16); }

double finite(float value) { return std::isfinite(value) ? value : 0; }

}  // namespace

Orientation closest_orientation(const Affine& affine) {
  const Vec3 spacing = spacing_mm(affine);
  std::array<int, 3> axes{0, 1, 2};
  Orientation best;
  double best_score = -1;
  do {
    double score = 0;
    for (std::size_t world = 0; world < 3; ++world) {
      const auto axis = static_cast<std::size_t>(axes[world]);
      score += spacing[axis] > 0 ? std::abs(affine[world][axis]) / spacing[axis] : 0;
    }
    if (score > best_score + 1e-9) {
      best_score = score;
      best.voxel_axis = axes;
    }
  } while (std::next_permutation(axes.begin(), axes.end()));
  for (std::size_t world = 0; world < 3; ++world)
    best.reversed[world] = affine[world][static_cast<std::size_t>(best.voxel_axis[world])] < 0;
  return best;
}

std::vector<float> resample(const Plane<float>& plane, int width, int height) {
  const int nu = points_per_pixel(plane.across, width), nv = points_per_pixel(plane.down, height);
  const std::vector<Between> columns = positions(plane.across, width, nu), rows = positions(plane.down, height, nv);
  std::vector<float> pixels;
  pixels.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      double sum = 0;
      for (int j = 0; j < nv; ++j)
        for (int i = 0; i < nu; ++i) {
          const Between& v = rows[static_cast<std::size_t>(y * nv + j)];
          const Between& u = columns[static_cast<std::size_t>(x * nu + i)];
          const double upper =
              std::lerp(finite(plane.at(u.first, v.first)), finite(plane.at(u.second, v.first)), u.share);
          const double lower =
              std::lerp(finite(plane.at(u.first, v.second)), finite(plane.at(u.second, v.second)), u.share);
          sum += std::lerp(upper, lower, v.share);
        }
      pixels.push_back(static_cast<float>(sum / (nu * nv)));
    }
  return pixels;
}

std::vector<std::uint16_t> resample_labels(const Plane<std::uint16_t>& plane, int width, int height) {
  const std::vector<Between> columns = positions(plane.across, width, 1), rows = positions(plane.down, height, 1);
  std::vector<std::uint16_t> labels;
  labels.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  for (const Between& v : rows)
    for (const Between& u : columns) {
      const std::array<std::uint16_t, 4> label{plane.at(u.first, v.first), plane.at(u.second, v.first),
                                               plane.at(u.first, v.second), plane.at(u.second, v.second)};
      const std::array<double, 4> weight{(1 - u.share) * (1 - v.share), u.share * (1 - v.share),
                                         (1 - u.share) * v.share, u.share * v.share};
      std::uint16_t winner = 0;
      double most = -1;
      for (std::uint16_t candidate : label) {
        double share = 0;
        for (std::size_t corner = 0; corner < 4; ++corner)
          if (label[corner] == candidate) share += weight[corner];
        if (share > most || (share == most && candidate < winner)) {
          most = share;
          winner = candidate;
        }
      }
      labels.push_back(winner);
    }
  return labels;
}

}  // namespace voxd
