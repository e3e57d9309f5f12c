#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace voxd {

/// The first `most` bytes, or fewer if there are no more, of a bare deflate stream (no gzip or zlib wrapper). Memory
/// grows with what comes out, never ahead of it by more than its half. Throws Error{invalid_argument} if the stream is
/// corrupt or cut short before that.
std::vector<std::byte> inflate_raw(std::span<const std::byte> deflated, std::int64_t most);

}  // namespace voxd
