#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace voxd {

/// Compresses to a gzip file of one member without a name or a time in it, quickly (igzip level 1). The same bytes give
/// the same file on the same kind of processor. Safe from any thread.
std::vector<std::byte> gzip_fast(std::span<const std::byte> bytes);

}  // namespace voxd
