#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "gpu_transforms/backend.h"
#include "gpu_transforms/device_volume.h"

namespace voxd {

/// Labels are 0..kLabels-1.
inline constexpr std::int32_t kLabels = 65536;

/// The label that a value is, kLabels if none. `cut`: fractions are cut towards zero; otherwise they are no labels.
template <class T>
VOXD_HD std::int32_t label_of(T value, bool cut) {
  if constexpr (std::is_floating_point_v<T>) {
    const bool inside = value > T{-1} && value < static_cast<T>(kLabels);
    const std::int32_t label = inside ? static_cast<std::int32_t>(value) : kLabels;
    return cut || static_cast<T>(label) == value ? label : kLabels;
  } else {
    return value;
  }
}

/// Voxels per label, in device memory: kLabels + 1 counters, of which the last counts what is no label and the first,
/// that of label 0, is not kept. uint8, uint16 or float32; `channels` of the volume, from the first on. Enqueues.
/// Result: 512 kB, no scratch.
std::shared_ptr<std::uint64_t> count_labels(const DeviceVolume& volume, std::int32_t channels, bool cut,
                                            Workspace& workspace);

/// The labels other than 0 that occur in the first channel, ascending. Throws Error{invalid_argument}, in the name of
/// `transform`, if a voxel is not a whole number from 0 to 65535. Synchronizes.
std::vector<int> labels_that_occur(const DeviceVolume& volume, std::string_view transform, Workspace& workspace);

/// The channels other than 0 with a positive sum, ascending: those of a one-hot volume that MONAI says to be there.
/// uint8, uint16 or float32. May synchronize.
std::vector<int> channels_that_occur(const DeviceVolume& volume, Workspace& workspace);

/// The index of a channel that may be counted from the end. Throws Error{invalid_argument} if there is none.
int channel_at(int channel, std::int32_t channels);

}  // namespace voxd
