#pragma once

#include <cuda_runtime_api.h>

#include "gpu_transforms/stream.h"
#include "gpu_transforms/volume/error.h"

// For the files that are compiled by nvcc.
namespace voxd {

/// Throws Error{resource_exhausted} or Error{internal} saying which call failed and why.
/// Clears the runtime's last error, so that the next launch is not blamed for this one.
inline void check_cuda(cudaError_t status, const char* call) {
  if (status == cudaSuccess) return;
  cudaGetLastError();
  fail(status == cudaErrorMemoryAllocation ? Code::resource_exhausted : Code::internal, "cuda: ", call, ": ",
       cudaGetErrorString(status));
}

/// The stream's handle, after making its device the calling thread's: a launch goes wrong on another.
inline cudaStream_t cuda_stream_of(const Stream& stream) {
  if (!stream.is_cuda())
    fail(Code::internal, "stream of backend ", name_of(stream.backend()), " used as a CUDA stream");
  check_cuda(cudaSetDevice(stream.device()), "cudaSetDevice");
  return static_cast<cudaStream_t>(stream.native_handle());
}

}  // namespace voxd
