#pragma once

#include <cstddef>
#include <vector>

#include "gpu_transforms/volume/host_volume.h"

namespace voxd {

struct PreviewOptions {
  int plane_px = 480;  ///< the larger side of the largest plane, 64 to 2048
};

/// Draws a PNG by which a person can judge a segmentation: an axial, a coronal and a sagittal plane side by side
/// through the mask's centre (the voxel of the mask nearest to its centre of mass; the grid's centre if the mask is
/// empty), the mask's outline drawn over the image in one colour per label. The planes are those of the voxel grid that
/// lie closest to the anatomical ones. Radiological convention: the patient's right is on the left, anterior or
/// superior is up, and the sagittal plane looks to the left. Lengths are true in millimetres, with a scale bar. `image`
/// is of any type, its first channel is drawn; `mask` is u8 or u16, one channel, on the same grid. Throws
/// Error{invalid_argument} otherwise. The same volumes give the same bytes.
std::vector<std::byte> encode_preview_png(const HostVolume& image, const HostVolume& mask,
                                          const PreviewOptions& options = {});

}  // namespace voxd
