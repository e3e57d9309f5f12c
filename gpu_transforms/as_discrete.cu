#include <cmath>

#include "gpu_transforms/flat_rows.h"
#include "gpu_transforms/labels.h"

// One step after the other, each on what the last one left: labels are bytes by then, so that nothing but the channels
// themselves is large.
namespace voxd {
namespace {

/// The label, cut towards zero as torch does, and whether it is one of 0..classes-1.
template <class T>
VOXD_HD bool is_class(T value, std::int32_t classes) {
  if constexpr (std::is_floating_point_v<T>) {
    return (value > T{-1}) & (value < static_cast<T>(classes));
  } else {
    return value < static_cast<std::uint32_t>(classes);
  }
}

/// A part of the labels is read once and written to every channel from the cache.
template <class T>
struct OneHotPart {
  static constexpr std::int32_t kVoxels = 4096;
  const T* in;
  std::uint8_t* out;
  std::int64_t voxels;
  std::int32_t classes;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t part) const {
    const std::int64_t begin = part * kVoxels;
    const std::int32_t n = static_cast<std::int32_t>(voxels - begin < kVoxels ? voxels - begin : kVoxels);
    const T* labels = in + begin;
    for (std::int32_t channel = 0; channel < classes; ++channel) {
      std::uint8_t* to = out + begin + channel * voxels;
      if constexpr (std::is_floating_point_v<T>) {
        // Of the values that are cut to 0, some are negative.
        const T low = channel == 0 ? T{-1} : static_cast<T>(channel), high = static_cast<T>(channel + 1);
        const bool open = channel == 0;
        team.each(n, [=](std::int32_t i) {
          const T label = labels[i];
          to[i] = static_cast<std::uint8_t>(((label > low) | ((label == low) & !open)) & (label < high));
        });
      } else {
        const T wanted = static_cast<T>(channel);
        const bool possible = channel <= static_cast<std::int32_t>(static_cast<T>(~T{0}));
        team.each(n, [=](std::int32_t i) { to[i] = static_cast<std::uint8_t>((labels[i] == wanted) & possible); });
      }
    }
  }
};

template <class T>
struct FindStrangers {
  const T* in;
  std::int32_t classes;
  std::uint32_t* found;
  VOXD_HD FindStrangers at(std::int64_t i) const { return {in + i, classes, found}; }
  VOXD_HD void operator()(std::int32_t z) const {
    if (!is_class(in[z], classes) && atomic_load(found) == 0) atomic_store(found, 1u);
  }
};

/// Synchronizes.
template <class T>
void refuse_strangers(const DeviceVolume& labels, std::int32_t classes, Workspace& workspace) {
  const auto found = workspace.allocate_array<std::uint32_t>(1);
  parallel::fill(workspace.stream(), found.get(), 1, 0u);
  for_each_flat(workspace.stream(), labels.count(), FindStrangers<T>{labels.data<T>(), classes, found.get()});
  if (parallel::read_back(workspace.stream(), found.get(), 1)[0] != 0)
    fail(Code::invalid_argument, "to_onehot: ", classes, ", a voxel's label is not in 0..", classes - 1);
}

/// `labels_below`: what every label is known to be below, 0 if nothing is known.
template <class T>
DeviceVolume one_hot_of(const DeviceVolume& labels, std::int32_t classes, std::int64_t labels_below,
                        Workspace& workspace) {
  if (labels_below == 0 || labels_below > classes) refuse_strangers<T>(labels, classes, workspace);
  DeviceVolume result(DType::u8, classes, labels.geometry(), workspace);
  const std::int64_t voxels = labels.geometry().voxels();
  parallel::for_each_team(workspace.stream(), parallel::ceil_div(voxels, OneHotPart<T>::kVoxels),
                          std::int64_t{OneHotPart<T>::kVoxels} * classes, 0,
                          OneHotPart<T>{labels.data<T>(), result.mutable_data<std::uint8_t>(), voxels, classes});
  return result;
}

DeviceVolume one_hot(const DeviceVolume& labels, std::int32_t classes, std::int64_t labels_below,
                     Workspace& workspace) {
  if (classes < 1) fail(Code::invalid_argument, "to_onehot: ", classes, ", must be 1 or more");
  if (labels.channels() != 1)
    fail(Code::invalid_argument, "to_onehot: the labels have ", labels.channels(), " channels, must be 1");
  switch (labels.dtype()) {
    case DType::u8: return one_hot_of<std::uint8_t>(labels, classes, labels_below, workspace);
    case DType::u16: return one_hot_of<std::uint16_t>(labels, classes, labels_below, workspace);
    default: return one_hot_of<float>(to_float32(labels, workspace), classes, labels_below, workspace);
  }
}

/// torch compares as float32, except with float64 voxels. NaN is below everything.
template <class T>
struct AtLeast {
  using Compared = std::conditional_t<std::is_same_v<T, double>, double, float>;
  Compared threshold;
  VOXD_HD std::uint8_t operator()(T value) const {
    return static_cast<std::uint8_t>(static_cast<Compared>(value) >= threshold);
  }
};

DeviceVolume thresholded(const DeviceVolume& volume, double threshold, Workspace& workspace) {
  DeviceVolume result(DType::u8, volume.channels(), volume.geometry(), workspace);
  visit_dtype(volume.dtype(), [&](auto zero) {
    using T = decltype(zero);
    using Compared = typename AtLeast<T>::Compared;
    parallel::transform(workspace.stream(), volume.data<T>(), volume.count(), result.mutable_data<std::uint8_t>(),
                        AtLeast<T>{static_cast<Compared>(threshold)});
  });
  return result;
}

struct RoundHalfEven {
  VOXD_HD float operator()(float value) const { return nearbyintf(value); }
  VOXD_HD float operator()(double value) const { return static_cast<float>(nearbyint(value)); }
};

template <class T>
DeviceVolume rounded_from(const DeviceVolume& volume, Workspace& workspace) {
  DeviceVolume result(DType::f32, volume.channels(), volume.geometry(), workspace);
  parallel::transform(workspace.stream(), volume.data<T>(), volume.count(), result.mutable_data<float>(),
                      RoundHalfEven{});
  return result;
}

DeviceVolume rounded(const DeviceVolume& volume, Workspace& workspace) {
  if (volume.dtype() == DType::f32) return rounded_from<float>(volume, workspace);
  if (volume.dtype() == DType::f64) return rounded_from<double>(volume, workspace);
  return volume;
}

}  // namespace

bool keeps_labels(DType wanted, DType labels) {
  switch (wanted) {
    case DType::u8: return labels == DType::u8;
    case DType::i8: return false;
    case DType::i16: return labels == DType::u8;
    default: return labels == DType::u8 || labels == DType::u16;
  }
}

DeviceVolume as_discrete(const DeviceVolume& volume, const AsDiscrete& params, Workspace& workspace) {
  if (params.threshold && params.rounding)
    fail(Code::invalid_argument, "rounding: cannot round what threshold has made");
  DeviceVolume result = params.argmax ? argmax(volume, workspace) : volume;
  if (params.to_onehot) result = one_hot(result, *params.to_onehot, params.argmax ? volume.channels() : 0, workspace);
  if (params.threshold) result = thresholded(result, *params.threshold, workspace);
  if (params.rounding) result = rounded(result, workspace);
  return keeps_labels(params.dtype, result.dtype()) ? result : cast_to(result, params.dtype, workspace);
}

}  // namespace voxd
