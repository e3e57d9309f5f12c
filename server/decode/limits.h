#pragma once

#include <cstdint>

namespace voxd {

/// How large an image may be; checked on its header, before memory is taken for it.
struct DecodeLimits {
  std::int64_t max_axis_voxels = 4096;             ///< along each of X, Y, Z
  std::int64_t max_bytes = std::int64_t{4} << 30;  ///< of the voxels, as stored in the file and as decoded
};

}  // namespace voxd
