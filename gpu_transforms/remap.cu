#include <algorithm>
#include <limits>

#include "gpu_transforms/flat_rows.h"
#include "gpu_transforms/remap.h"

// Pointwise. The rules' number is a constant of the compiler where it is small, so that their loop unrolls and the
// voxels' vectorises.
namespace voxd {
namespace {

/// Rules 0..N-1; with N = 0 as many as there can be, of which `count` are used.
template <class T, class L, int N>
struct FirstPositive {
  static constexpr int kSlots = N > 0 ? N : static_cast<int>(kMostChannelLabels);
  const T* channels[kSlots];
  L labels[kSlots];
  int count;
  L otherwise;
  L* out;

  VOXD_HD FirstPositive at(std::int64_t i) const {
    FirstPositive part = *this;
    for (int rule = 0; rule < (N > 0 ? N : count); ++rule) part.channels[rule] += i;
    part.out += i;
    return part;
  }
  VOXD_HD void operator()(std::int32_t z) const {
    L label = otherwise;
    for (int rule = (N > 0 ? N : count) - 1; rule >= 0; --rule) {
      const bool inside = channels[rule][z] > T{0};
      label = inside ? labels[rule] : label;
    }
    out[z] = label;
  }
};

void require_rules(const DeviceVolume& volume, const std::vector<ChannelLabel>& rules, std::int32_t otherwise) {
  if (rules.empty() || rules.size() > kMostChannelLabels)
    fail(Code::invalid_argument, "labels of channels: ", rules.size(), " rules, must be 1 to ", kMostChannelLabels);
  const auto require_label = [](std::int32_t label) {
    if (label < 0 || label > 65535)
      fail(Code::invalid_argument, "labels of channels: label ", label, ", must be in 0..65535");
  };
  require_label(otherwise);
  for (const ChannelLabel& rule : rules) {
    require_label(rule.label);
    if (rule.channel < 0 || rule.channel >= volume.channels())
      fail(Code::invalid_argument, "labels of channels: channel ", rule.channel, " of ", volume.channels());
  }
}

template <class T, class L, int N>
void enqueue_rules(const DeviceVolume& volume, const std::vector<ChannelLabel>& rules, std::int32_t otherwise,
                   DeviceVolume& result, Workspace& workspace) {
  FirstPositive<T, L, N> f{};
  const std::int64_t voxels = volume.geometry().voxels();
  for (std::size_t rule = 0; rule < rules.size(); ++rule) {
    f.channels[rule] = volume.data<T>() + rules[rule].channel * voxels;
    f.labels[rule] = static_cast<L>(rules[rule].label);
  }
  f.count = static_cast<int>(rules.size());
  f.otherwise = static_cast<L>(otherwise);
  f.out = result.mutable_data<L>();
  for_each_flat(workspace.stream(), voxels, f);
}

template <class T, class L>
DeviceVolume labelled(const DeviceVolume& volume, const std::vector<ChannelLabel>& rules, std::int32_t otherwise,
                      Workspace& workspace) {
  DeviceVolume result(dtype_of<L>, 1, volume.geometry(), workspace);
  switch (rules.size()) {
    case 1: enqueue_rules<T, L, 1>(volume, rules, otherwise, result, workspace); break;
    case 2: enqueue_rules<T, L, 2>(volume, rules, otherwise, result, workspace); break;
    case 3: enqueue_rules<T, L, 3>(volume, rules, otherwise, result, workspace); break;
    default: enqueue_rules<T, L, 0>(volume, rules, otherwise, result, workspace);
  }
  return result;
}

template <class T>
struct NanToNumber {
  T value, largest;
  VOXD_HD T operator()(T v) const {
    const T known = v == v ? v : value;
    const T low = known < -largest ? -largest : known;
    return low > largest ? largest : low;
  }
};

template <class T>
DeviceVolume without_nan(const DeviceVolume& volume, double value, Workspace& workspace) {
  DeviceVolume result(volume.dtype(), volume.channels(), volume.geometry(), workspace);
  parallel::transform(workspace.stream(), volume.data<T>(), volume.count(), result.mutable_data<T>(),
                      NanToNumber<T>{static_cast<T>(value), std::numeric_limits<T>::max()});
  return result;
}

}  // namespace

DeviceVolume labels_of_channels(const DeviceVolume& volume, const std::vector<ChannelLabel>& rules,
                                std::int32_t otherwise, Workspace& workspace) {
  require_rules(volume, rules, otherwise);
  std::int32_t largest = otherwise;
  for (const ChannelLabel& rule : rules) largest = std::max(largest, rule.label);
  DeviceVolume result;
  visit_dtype(volume.dtype(), [&](auto zero) {
    using T = decltype(zero);
    result = largest > 255 ? labelled<T, std::uint16_t>(volume, rules, otherwise, workspace)
                           : labelled<T, std::uint8_t>(volume, rules, otherwise, workspace);
  });
  return result;
}

DeviceVolume replace_nan(const DeviceVolume& volume, double value, Workspace& workspace) {
  switch (volume.dtype()) {
    case DType::f32: return without_nan<float>(volume, value, workspace);
    case DType::f64: return without_nan<double>(volume, value, workspace);
    default: return volume;
  }
}

DeviceVolume channels_from(const DeviceVolume& volume, std::int32_t first) {
  if (first < 0 || first >= volume.channels())
    fail(Code::invalid_argument, "channels from ", first, " on: there are ", volume.channels());
  const std::size_t channel = volume.bytes() / static_cast<std::size_t>(volume.channels());
  return {
      volume.dtype(), volume.channels() - first, volume.geometry(),
      std::shared_ptr<std::byte>(volume.memory(), volume.memory().get() + static_cast<std::size_t>(first) * channel)};
}

}  // namespace voxd
