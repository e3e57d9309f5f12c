#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "gpu_transforms/device_volume.h"
#include "gpu_transforms/job_context.h"

namespace voxd {

/// A trained network. Safe from any thread: one network serves all workers.
class Network {
 public:
  virtual ~Network() = default;
  /// [C,X,Y,Z] float32 on the context's stream -> [C',X',Y',Z'] float32, on the same stream, with the input's affine.
  /// Throws as forward_batch does.
  DeviceVolume forward(const DeviceVolume& input, JobContext& context) const {
    return forward_batch(input, 1, context);
  }
  /// The same for several inputs of one size at once, one after the other in memory: [batch*C,X,Y,Z] ->
  /// [batch*C',X',Y',Z']. The network sees a batch axis. Throws Error{invalid_argument} when the network refuses the
  /// shape, with its first line of reason.
  virtual DeviceVolume forward_batch(const DeviceVolume& inputs, std::int32_t batch, JobContext& context) const = 0;
  /// Bytes that forward() needs beside its input, for an input of that size: measured at warm-up and scaled by voxels,
  /// and the size of the weights, which may be copied.
  /// A batch needs as much for each of its inputs.
  virtual std::int64_t peak_bytes(std::int32_t channels, const Int3& size) const = 0;
  /// Channels that forward() returns, learnt at warm-up.
  virtual std::int32_t output_channels() const = 0;
  /// What was decided about the network when it was loaded, a line each, for the operator.
  virtual std::vector<std::string> notes() const { return {}; }
};

/// In what a network computes. Its input and its answer are float32 in any case.
enum class Precision { fp32, bf16 };

struct NetworkOptions {
  std::int32_t input_channels = 1;
  Int3 warm_up_size{64, 64, 64};   ///< run twice at load, so that the first job does not pay for graph optimisation
  int device = -1;                 ///< CUDA ordinal, -1 for the CPU
  std::int32_t warm_up_batch = 1;  ///< inputs at once
  bool rewrite = true;             ///< on the CPU, for speed, where the answers stay the same (torch_rewrite.h)
  /// bf16: on a CPU that has it, where the answers stay close (torch_variant.h).
  Precision precision = Precision::fp32;
};

/// Loads a TorchScript file, freezes it, chooses the fastest form of it that answers as the file does, and warms that
/// up. A model file is code: load only what the operator put there.
/// Throws Error{not_found} when there is no such file and Error{invalid_argument} with libtorch's first line when it
/// cannot be loaded.
std::shared_ptr<const Network> load_torchscript(const std::filesystem::path& file, const NetworkOptions& options);

/// Process-wide libtorch settings that cost nothing: page-recycling CPU allocator, threads per worker. Call once,
/// before the first network is loaded.
void configure_torch(int threads_per_worker);
/// Caps libtorch's threads for work started from the calling thread; each worker calls it once.
void set_torch_threads(int threads);
/// libtorch's caching allocator, so that a MemoryPool on CUDA and the networks share one cache. Throws
/// Error{failed_precondition} in a build without CUDA.
DeviceAllocator torch_cuda_allocator();
/// "2.11.0", for --version.
std::string torch_version();

}  // namespace voxd
