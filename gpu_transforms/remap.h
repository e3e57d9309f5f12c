#pragma once

#include <vector>

#include "gpu_transforms/device_volume.h"

// What bundles do to their results in Lambdad. Each enqueues on the workspace's stream; affine and size stay.
namespace voxd {

/// The label of voxels where the channel is > 0.
struct ChannelLabel {
  std::int32_t channel = 0;
  std::int32_t label = 0;
};
inline constexpr std::size_t kMostChannelLabels = 16;

/// The label of the first of `rules` whose channel is > 0 (NaN is not), `otherwise` where there is none: nested
/// torch.where(x[[channel]] > 0, label, ...). [C,X,Y,Z] of any type -> [1,X,Y,Z] uint8, uint16 if a label is above 255,
/// where MONAI has int64. Output plus no scratch. Throws Error{invalid_argument} for a channel that there is not, a
/// label that is not in 0..65535, and for no rules or more than kMostChannelLabels.
DeviceVolume labels_of_channels(const DeviceVolume& volume, const std::vector<ChannelLabel>& rules,
                                std::int32_t otherwise, Workspace& workspace);

/// torch.nan_to_num(x, nan=value): infinities become the type's largest and smallest numbers. Types without NaN are
/// returned as they are. Output plus no scratch.
DeviceVolume replace_nan(const DeviceVolume& volume, double value, Workspace& workspace);

/// x[first:]: the channels from there on; they share the volume's memory. Throws Error{invalid_argument} if none is
/// left.
DeviceVolume channels_from(const DeviceVolume& volume, std::int32_t first);

}  // namespace voxd
