#include <cmath>

#include "gpu_transforms/flat_rows.h"
#include "gpu_transforms/intensity.h"

namespace voxd {
namespace {

struct NonzeroCount {
  struct Term {
    VOXD_HD double operator()(float v) const { return v != 0 ? 1.0 : 0.0; }
  };
  VOXD_HD Term term() const { return {}; }
};

/// Sums in device memory.
struct Sums {
  double sum, count, squares;
  VOXD_HD double mean() const { return sum / count; }
  VOXD_HD double deviation() const { return sqrt(squares / count); }
};

/// (v - mean)^2. A second pass, because a sum of squares loses the variance of values far from 0.
template <bool kNonzero>
struct SquaredDeviation {
  struct Term {
    double mean;
    VOXD_HD double operator()(float v) const {
      const double square = (v - mean) * (v - mean);
      return kNonzero && v == 0 ? 0.0 : square;
    }
  };
  const Sums* sums;
  VOXD_HD Term term() const { return {sums->mean()}; }
};

template <bool kNonzero>
struct Normalize {
  const float* in;
  float* out;
  const Sums* sums;
  bool mean_given, deviation_given;
  float subtrahend, divisor;  // if given

  struct Part {
    const float* in;
    float* out;
    float subtrahend, divisor;
    VOXD_HD void operator()(std::int32_t z) const {
      const float v = in[z];
      const float y = (v - subtrahend) / divisor;
      out[z] = kNonzero && v == 0 ? v : y;
    }
  };
  VOXD_HD Part at(std::int64_t i) const {
    const float mean = mean_given ? subtrahend : static_cast<float>(sums->mean());
    const float deviation = deviation_given ? divisor : static_cast<float>(sums->deviation());
    return {in + i, out + i, mean, deviation == 0 ? 1.0f : deviation};
  }
};

template <bool kNonzero>
void normalize(const float* in, std::int64_t count, const std::optional<double>& subtrahend,
               const std::optional<double>& divisor, float* out, Workspace& workspace) {
  Stream& stream = workspace.stream();
  const std::int64_t rows = parallel::ceil_div(count, kFlatRow);
  const auto memory = workspace.allocate_array<Sums>(1);
  Sums* sums = memory.get();
  if (!subtrahend || !divisor) {
    parallel::reduce_rows(workspace, rows, kFlatRow, FlatSum<Itself>{in, count, {}}, &sums->sum);
    if constexpr (kNonzero) {
      parallel::reduce_rows(workspace, rows, kFlatRow, FlatSum<NonzeroCount>{in, count, {}}, &sums->count);
    } else {
      parallel::fill(stream, &sums->count, 1, static_cast<double>(count));
    }
  }
  if (!divisor)
    parallel::reduce_rows(workspace, rows, kFlatRow, FlatSum<SquaredDeviation<kNonzero>>{in, count, {sums}},
                          &sums->squares);
  for_each_flat(
      stream, count,
      Normalize<kNonzero>{in, out, sums, subtrahend.has_value(), divisor.has_value(),
                          static_cast<float>(subtrahend.value_or(0)), static_cast<float>(divisor.value_or(1))});
}

/// The parameter's value for a channel: absent, one for all, or one per channel.
std::optional<double> value_for(const std::vector<double>& values, int channel) {
  if (values.empty()) return std::nullopt;
  return values[values.size() == 1 ? 0 : static_cast<std::size_t>(channel)];
}

void check_length(const char* name, const std::vector<double>& values, std::int32_t sets) {
  if (values.size() > 1 && values.size() != static_cast<std::size_t>(sets))
    fail(Code::invalid_argument, name, ": ", values.size(), " values, must be 1 or one for each of ", sets,
         " channels (with channel_wise)");
}

}  // namespace

DeviceVolume normalize_intensity(const DeviceVolume& volume, const NormalizeIntensity& params, Workspace& workspace) {
  const std::int32_t sets = params.channel_wise ? volume.channels() : 1;
  check_length("subtrahend", params.subtrahend, sets);
  check_length("divisor", params.divisor, sets);
  const DeviceVolume values = to_float32(volume, workspace);
  if (volume.empty()) return values;
  // A converted copy is ours alone, so it is changed in place.
  DeviceVolume result =
      volume.dtype() == DType::f32 ? DeviceVolume(DType::f32, volume.channels(), volume.geometry(), workspace) : values;
  const std::int64_t count = volume.count() / sets;
  for (std::int32_t set = 0; set < sets; ++set) {
    const auto run = params.nonzero ? normalize<true> : normalize<false>;
    run(values.data<float>() + set * count, count, value_for(params.subtrahend, set), value_for(params.divisor, set),
        result.mutable_data<float>() + set * count, workspace);
  }
  return result;
}

}  // namespace voxd
