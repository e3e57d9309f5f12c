#pragma once

#include <cstdint>

namespace voxd {

/// Bytes of a card's memory that nobody has now. Throws Error{failed_precondition} with the reason when this build or
/// this machine has no CUDA.
std::int64_t cuda_free_memory(int device);

}  // namespace voxd
