#pragma once

#include <thrust/execution_policy.h>
#include <thrust/scan.h>
#include <thrust/system/cuda/execution_policy.h>
#include <thrust/transform.h>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <unordered_map>
#include <utility>

#include "gpu_transforms/cuda_check.h"
#include "gpu_transforms/team.h"
#include "gpu_transforms/workspace.h"

// How CUDA runs the verbs of parallel.h, which alone includes this, and only where nvcc reads it.
namespace voxd::parallel {

inline constexpr int kBlock = 128;
inline constexpr int kWarp = 32;

class BlockTeam {
 public:
  __device__ explicit BlockTeam(std::byte* memory) : scratch(memory) {}
  template <class G>
  __device__ void each(std::int32_t n, G g) const {
    for (std::int32_t i = static_cast<std::int32_t>(threadIdx.x); i < n; i += kBlock) g(i);
  }
  template <class G>
  __device__ void each_pair(std::int32_t rows, std::int32_t columns, G g) const {
    each(rows * columns, [&](std::int32_t i) { g(i / columns, i % columns); });
  }
  template <class G>
  __device__ void each_adding(std::int32_t n, G g) const {
    each(n, g);
  }
  template <class Wanted, class G>
  __device__ void each_adding_where(std::int32_t n, Wanted wanted, G g) const {
    each(n, [&](std::int32_t i) {
      if (wanted(i)) g(i);
    });
  }
  __device__ void sync() const { __syncthreads(); }
  __device__ void add(std::uint32_t* counter, std::uint32_t value) const { atomicAdd(counter, value); }

  std::byte* const scratch;
};

template <class F>
__global__ void row_kernel(F f, std::int64_t rows, std::int32_t nz) {
  const std::int64_t r = std::int64_t{blockIdx.x} * (kBlock / kWarp) + threadIdx.x / kWarp;
  if (r >= rows) return;
  auto row = f.row(r);
  for (std::int32_t z = threadIdx.x % kWarp; z < nz; z += kWarp) row(z);
}

template <class F>
__global__ void team_kernel(F f) {
  extern __shared__ __align__(64) unsigned char memory[];
  const BlockTeam team(reinterpret_cast<std::byte*>(memory));
  f(team, std::int64_t{blockIdx.x});
}

template <class F>
__global__ void index_kernel(F f, std::int64_t n) {
  const std::int64_t i = std::int64_t{blockIdx.x} * kBlock + threadIdx.x;
  if (i < n) f(i);
}

template <class F>
__global__ void reduce_each_row_kernel(F f, std::int64_t rows, typename F::Value* out) {
  using Value = typename F::Value;
  // Raw bytes: shared arrays have no constructors.
  __shared__ __align__(16) unsigned char memory[kBlock * sizeof(Value)];
  const int lane = threadIdx.x % kWarp;
  Value* lanes = reinterpret_cast<Value*>(memory) + (threadIdx.x - lane);
  const std::int64_t r = std::int64_t{blockIdx.x} * (kBlock / kWarp) + threadIdx.x / kWarp;
  if (r >= rows) return;
  const auto row = f.row(r);
  Value value = f.identity();
  for (std::int32_t z = lane; z < row.size(); z += kLanes) row.add(value, z);
  lanes[lane] = value;
  for (int half = kLanes / 2; half > 0; half /= 2) {
    __syncwarp();
    if (lane < half) lanes[lane] = f.join(lanes[lane], lanes[lane + half]);
  }
  if (lane == 0) out[r] = lanes[0];
}

/// Launches `blocks` blocks of `kernel`; refuses what the grid or the device cannot hold.
template <class... Parameters, class... Arguments>
void launch(Stream& stream, void (*kernel)(Parameters...), std::int64_t blocks, std::size_t shared_bytes,
            Arguments... arguments) {
  constexpr std::size_t kSharedWithoutAsking = 48 * 1024;
  if (blocks > std::numeric_limits<std::int32_t>::max())
    fail(Code::invalid_argument, "volume: a kernel of ", blocks, " blocks, CUDA takes at most 2147483647");
  const cudaStream_t cuda_stream = cuda_stream_of(stream);
  if (shared_bytes > kSharedWithoutAsking) {
    int limit = 0;
    check_cuda(cudaDeviceGetAttribute(&limit, cudaDevAttrMaxSharedMemoryPerBlockOptin, stream.device()),
               "cudaDeviceGetAttribute");
    if (shared_bytes > static_cast<std::size_t>(limit))
      fail(Code::invalid_argument, "volume: a row along Z needs ", shared_bytes,
           " bytes of shared memory, this device has ", limit);
    check_cuda(
        cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, static_cast<int>(shared_bytes)),
        "cudaFuncSetAttribute");
  }
  kernel<<<static_cast<unsigned>(blocks), kBlock, shared_bytes, cuda_stream>>>(arguments...);
  check_cuda(cudaGetLastError(), "kernel launch");
}

/// Thrust's temporary storage, from the job's workspace.
class WorkspaceAllocator {
 public:
  using value_type = char;
  explicit WorkspaceAllocator(Workspace& workspace) : workspace_(&workspace) {}
  char* allocate(std::ptrdiff_t bytes) {
    std::shared_ptr<std::byte> block = workspace_->allocate(static_cast<std::size_t>(bytes));
    char* address = reinterpret_cast<char*>(block.get());
    blocks_.emplace(address, std::move(block));
    return address;
  }
  void deallocate(char* address, std::size_t) { blocks_.erase(address); }

 private:
  Workspace* workspace_;
  std::unordered_map<char*, std::shared_ptr<std::byte>> blocks_;
};

}  // namespace voxd::parallel
