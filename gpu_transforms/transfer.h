#pragma once

#include <cstddef>

#include "gpu_transforms/stream.h"

namespace voxd {

enum class Direction { to_device, to_host, on_device };

/// Enqueues the copy of `bytes` bytes; the ranges must not overlap, and both must live until the stream has passed that
/// point.
void copy_bytes(void* to, const void* from, std::size_t bytes, Direction direction, Stream& stream);

/// Enqueues the filling of device memory with one byte value.
void fill_bytes(void* memory, unsigned char value, std::size_t bytes, Stream& stream);

}  // namespace voxd
