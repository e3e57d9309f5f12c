#pragma once

#include <string>

#include "gpu_transforms/volume/host_volume.h"

namespace voxd {

/// One input file as it came.
struct StagedPart {
  std::string id;
  std::string format;   ///< "nifti", "dicom", "zip", "tar"; empty: recognised by its first bytes
  std::string channel;  ///< the input channel that it is; empty: not said
  HostBuffer bytes;
};

}  // namespace voxd
