#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <vector>

#include "gpu_transforms/volume/host_volume.h"

namespace voxd {

/// Bytes that lie in several pieces, as a transport received them. Does not copy; `owner` keeps the pieces alive. Used
/// by one thread at a time.
struct ScatteredBytes {
  std::vector<std::span<const std::byte>> pieces;
  std::int64_t size = 0;  ///< sum of the pieces
  std::shared_ptr<const void> owner;
  /// Set where the bytes are all of a buffer of their own: whoever takes the bytes may keep it instead of a copy.
  std::shared_ptr<HostBuffer> whole = {};

  /// Gathers all bytes. Throws Error{internal} if `target` is not exactly as large.
  void copy_to(std::span<std::byte> target) const {
    if (static_cast<std::int64_t>(target.size()) != size)
      fail(Code::internal, "scattered bytes: ", size, " bytes copied to ", target.size());
    std::byte* out = target.data();
    for (const std::span<const std::byte> piece : pieces) {
      if (!piece.empty()) std::memcpy(out, piece.data(), piece.size());
      out += piece.size();
    }
  }
};

}  // namespace voxd
