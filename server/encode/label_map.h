#pragma once

#include "gpu_transforms/volume/host_volume.h"

namespace voxd {

/// A result of any type as the labels that its values are nearest to (halves to even), uint8, or uint16 where one is
/// above 255: a chain that interpolates a label map on the way back has fractions in it. Throws Error{invalid_argument}
/// for several channels, and for a value that is not nearest to a label 0..65535.
HostVolume nearest_labels(const HostVolume& result);

}  // namespace voxd
