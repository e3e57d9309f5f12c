#include "server/encode/display_window.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

namespace voxd {
namespace {

constexpr DisplayWindow soft_tissue{-160, 240};
constexpr DisplayWindow lung{-1350, 150};
constexpr DisplayWindow bone{-500, 1300};

struct Samples {
  std::vector<float> all;
  std::vector<float> inside;  // of the mask
};

/// A step that takes about a million voxels and does not keep hitting the same planes.
std::int64_t sampling_step(const Geometry& geometry) {
  std::int64_t step = std::max<std::int64_t>(1, geometry.voxels() >> 20);
  while (std::gcd(step, std::int64_t{geometry.size[2]} * geometry.size[1]) != 1) ++step;
  return step;
}

Samples sample(const HostVolume& image, const HostVolume& mask) {
  Samples samples;
  const std::int64_t step = sampling_step(image.geometry);
  visit_dtype(image.dtype, [&](auto image_zero) {
    visit_dtype(mask.dtype, [&](auto mask_zero) {
      const auto values = image.as<decltype(image_zero)>();
      const auto labels = mask.as<decltype(mask_zero)>();
      for (std::int64_t i = 0; i < image.geometry.voxels(); i += step) {
        const auto value = static_cast<float>(values[static_cast<std::size_t>(i)]);
        if (!std::isfinite(value)) continue;
        samples.all.push_back(value);
        if (labels[static_cast<std::size_t>(i)] != 0) samples.inside.push_back(value);
      }
    });
  });
  return samples;
}

/// Reorders `values`, which must not be empty.
double percentile(std::vector<float>& values, double percent) {
  const auto rank = static_cast<std::ptrdiff_t>(percent / 100 * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + rank, values.end());
  return values[static_cast<std::size_t>(rank)];
}

bool looks_like_ct(const std::vector<float>& values) {
  const auto air = std::count_if(values.begin(), values.end(), [](float v) { return v >= -1100 && v <= -900; });
  const auto above = std::count_if(values.begin(), values.end(), [](float v) { return v > -900; });
  return air * 50 >= std::ssize(values) && above * 50 >= std::ssize(values);
}

DisplayWindow ct_window(Samples& samples) {
  if (samples.inside.size() < 8) return soft_tissue;
  const double median = percentile(samples.inside, 50);
  return median < -400 ? lung : median > 250 ? bone : soft_tissue;
}

}  // namespace

DisplayWindow choose_window(const HostVolume& image, const HostVolume& mask) {
  Samples samples = sample(image, mask);
  if (samples.all.empty()) return {};
  if (looks_like_ct(samples.all)) return ct_window(samples);

  const float lowest = *std::min_element(samples.all.begin(), samples.all.end());
  std::erase(samples.all, lowest);
  if (samples.all.empty()) return {lowest, lowest + 1.0};
  const double black = percentile(samples.all, 0.5), white = percentile(samples.all, 99.5);
  return white > black ? DisplayWindow{black, white} : DisplayWindow{lowest, white};
}

}  // namespace voxd
