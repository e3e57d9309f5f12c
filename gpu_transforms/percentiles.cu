#include <cmath>
#include <limits>

#include "gpu_transforms/intensity.h"
#include "gpu_transforms/order_statistics.h"
#include "gpu_transforms/range_scaling.h"

namespace voxd {
namespace {

/// Where a percentile lies between two neighbours of the sorted values.
struct Position {
  std::int64_t below, above;
  double weight;  // of the upper neighbour
  bool single;    // interpolated in float32
};

// MONAI takes torch.quantile up to this many elements, numpy.percentile beyond; they differ in where they round to
// float32.
constexpr std::int64_t kTorchUpTo = 1'000'000;

Position position_of(double percentile, std::int64_t count) {
  if (count <= kTorchUpTo) {
    const float rank = static_cast<float>(percentile / 100.0) * static_cast<float>(count - 1);
    const auto below = static_cast<std::int64_t>(rank);
    return {below, static_cast<std::int64_t>(std::ceil(rank)), rank - static_cast<float>(below), true};
  }
  const double rank = static_cast<double>(count - 1) * (percentile / 100.0);
  const auto below = static_cast<std::int64_t>(std::floor(rank));
  return {below, std::min(below + 1, count - 1), rank - std::floor(rank), false};
}

/// Written towards the nearer neighbour, as both libraries do.
template <class T>
float between(float below, float above, T weight) {
  const T step = above - below;
  return static_cast<float>(weight < T{0.5} ? below + step * weight : above - step * (T{1} - weight));
}

float percentile_at(const Position& position, float below, float above) {
  if (position.single) return between<float>(below, above, static_cast<float>(position.weight));
  return between<double>(below, above, position.weight);
}

void check(const ScaleIntensityRangePercentiles& params) {
  if (!(params.lower >= 0 && params.lower <= 100))
    fail(Code::invalid_argument, "lower: ", params.lower, ", must be 0 to 100");
  if (!(params.upper >= 0 && params.upper <= 100))
    fail(Code::invalid_argument, "upper: ", params.upper, ", must be 0 to 100");
  if (params.relative && !(params.b_min && params.b_max))
    fail(Code::invalid_argument, "relative: needs b_min and b_max");
}

}  // namespace

DeviceVolume scale_intensity_range_percentiles(const DeviceVolume& volume, const ScaleIntensityRangePercentiles& params,
                                               Workspace& workspace) {
  check(params);
  if (volume.empty())
    fail(Code::invalid_argument, "ScaleIntensityRangePercentiles: an empty volume has no percentiles");
  const int sets = params.channel_wise ? volume.channels() : 1;
  const std::int64_t count = volume.count() / sets;
  const Position lower = position_of(params.lower, count), upper = position_of(params.upper, count);
  const DeviceVolume values = to_float32(volume, workspace);
  const std::vector<OrderStatistics> found = order_statistics(
      values.data<float>(), count, sets, {lower.below, lower.above, upper.below, upper.above}, workspace);

  std::optional<double> b_min = params.b_min, b_max = params.b_max;
  if (params.relative) {
    const double range = *params.b_max - *params.b_min;
    b_min = range * (params.lower / 100.0) + *params.b_min;
    b_max = range * (params.upper / 100.0) + *params.b_min;
  }
  // A converted copy is ours alone, so it is scaled in place.
  DeviceVolume result =
      volume.dtype() == DType::f32 ? DeviceVolume(DType::f32, volume.channels(), volume.geometry(), workspace) : values;
  for (int set = 0; set < sets; ++set) {
    constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
    const OrderStatistics& s = found[static_cast<std::size_t>(set)];
    const float low = s.has_nan ? kNan : percentile_at(lower, s.values[0], s.values[1]);
    const float high = s.has_nan ? kNan : percentile_at(upper, s.values[2], s.values[3]);
    const RangeScaling scaling = range_scaling(low, high - low, b_min, b_max, params.clip);
    scale_voxels(workspace.stream(), values, set * count, count, scaling, result.mutable_data<float>() + set * count);
  }
  return result;
}

}  // namespace voxd
