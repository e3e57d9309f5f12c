#pragma once

#include <cstdint>

namespace voxd {

/// What a caller may send.
struct RequestLimits {
  std::int64_t max_image_bytes = std::int64_t{640} << 20;  ///< all parts of one image, as sent
  int max_parts = 4096;
  std::uint32_t max_chunk_bytes = 3u << 20;
  static constexpr std::int64_t header_bytes = std::int64_t{1} << 20;  ///< of a message, beside its image
};

}  // namespace voxd
