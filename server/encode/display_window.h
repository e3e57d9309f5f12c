#pragma once

#include "gpu_transforms/volume/host_volume.h"

namespace voxd {

/// The values that are shown black and white.
struct DisplayWindow {
  double black = 0;
  double white = 1;
};

/// Chooses a window that shows what the mask covers. An image that looks like CT (a good part of it is air at about
/// -1000) gets one of radiology's usual windows: lung or bone if that is what the mask covers, else soft tissue. Any
/// other image is shown from the 0.5th to the 99.5th percentile of what lies above its lowest value (which is the
/// background). `mask` has the image's grid; the image's first channel counts. About a million evenly spaced voxels are
/// looked at.
DisplayWindow choose_window(const HostVolume& image, const HostVolume& mask);

}  // namespace voxd
