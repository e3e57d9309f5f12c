#pragma once

#include <optional>
#include <vector>

#include "gpu_transforms/device_volume.h"

// From probabilities to label maps, with MONAI 1.6.1's semantics and names. Each enqueues on the workspace's stream;
// affine and size stay.
namespace voxd {

/// Index of the largest channel per voxel: ties go to the lowest index, NaN counts as the largest (the first NaN wins).
/// [C,X,Y,Z] float32 -> [1,X,Y,Z] uint8 (uint16 above 256 channels). Output plus no scratch of full resolution.
DeviceVolume argmax(const DeviceVolume& volume, Workspace& workspace);

struct KeepLargestConnectedComponent {
  std::optional<std::vector<int>> applied_labels;  ///< absent: every label but 0 that occurs
  bool independent = true;                         ///< each label alone, or all applied ones as one mask
  std::optional<bool> is_onehot;                   ///< absent: more than one channel
  int connectivity = 3;                            ///< 1: 6 neighbours, 2: 18, 3: 26
  int num_components = 1;
};

/// Sets what is not in the largest component (26-, 18- or 6-connected) of a label to 0; other labels stay.
/// Of components of equal size the one whose first voxel comes first in raster order is kept. dtype is kept (uint8,
/// uint16, float32). Scratch: one bit per voxel, 8 bytes per row along Z, and 12 bytes per run of foreground along Z.
/// Synchronizes the stream where it must know the number of runs.
DeviceVolume keep_largest_connected_component(const DeviceVolume& labels, const KeepLargestConnectedComponent& params,
                                              Workspace& workspace);

/// MONAI's LabelToContour: 26*x - sum of the 26 neighbours (outside is 0), clamped to 0..1; for a 0/1 mask its 1-voxel
/// inner boundary. Scratch: one bit per voxel. dtype is kept (uint8, uint16, float32); other types:
/// Error{invalid_argument}. A grid with one voxel along an axis is treated as 3D.
DeviceVolume label_to_contour(const DeviceVolume& labels, Workspace& workspace);

}  // namespace voxd
