#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

namespace voxd {

/// Compresses to a gzip file of one member without a name or a time in it, quickly (igzip level 1). The same bytes give
/// the same file on the same kind of processor. `check`, where there is one, is called every few milliseconds; what it
/// throws ends the work. Safe from any thread.
std::vector<std::byte> gzip_fast(std::span<const std::byte> bytes, const std::function<void()>& check = {});

}  // namespace voxd
