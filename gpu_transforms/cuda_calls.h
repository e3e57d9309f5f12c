#pragma once

#include <cstddef>

#include "gpu_transforms/stream.h"
#include "gpu_transforms/transfer.h"

// What the plain C++ files of this folder ask of CUDA; stream_cuda.cu has it, no_cuda.cpp where the build has no CUDA.
namespace voxd {

void cuda_copy_bytes(void* to, const void* from, std::size_t bytes, Direction direction, Stream& stream);
void cuda_fill_bytes(void* memory, unsigned char value, std::size_t bytes, Stream& stream);

}  // namespace voxd
