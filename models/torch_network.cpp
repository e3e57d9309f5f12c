#include <ATen/Parallel.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/InferenceMode.h>
#include <torch/script.h>
#include <torch/version.h>

#include <mutex>
#include <optional>

#include "gpu_transforms/volume/checked.h"
#include "models/network.h"
#include "models/torch_allocator.h"
#include "models/torch_memory.h"
#include "models/torch_run.h"
#include "models/torch_variant.h"

#ifdef VOXD_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace voxd {
namespace {

c10::Device device_of(int ordinal) {
  return ordinal < 0 ? c10::Device(c10::DeviceType::CPU)
                     : c10::Device(c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(ordinal));
}

/// Makes the job's stream libtorch's current one for this thread, on CUDA. On the CPU libtorch computes at once, so the
/// stream's work has to be done first.
class OnStream {
 public:
  explicit OnStream(Stream& stream) {
    if (!stream.is_cuda()) {
      stream.synchronize();
      return;
    }
#ifdef VOXD_CUDA
    guard_.emplace(c10::cuda::getStreamFromExternal(static_cast<cudaStream_t>(stream.native_handle()),
                                                    static_cast<c10::DeviceIndex>(stream.device())));
#else
    fail(Code::failed_precondition, "this build has no CUDA");
#endif
  }

 private:
#ifdef VOXD_CUDA
  std::optional<c10::cuda::CUDAStreamGuard> guard_;
#endif
};

class TorchNetwork final : public Network {
 public:
  TorchNetwork(const torch::jit::Module& module, std::int64_t weight_bytes, const NetworkOptions& options)
      : variant_(choose_variant(module, options)),
        options_(options),
        device_(device_of(options.device)),
        weight_bytes_(weight_bytes) {
    warm_up();
  }

  DeviceVolume forward_batch(const DeviceVolume& inputs, std::int32_t batch, JobContext& context) const override {
    if (batch < 1 || inputs.channels() % batch != 0)
      fail(Code::internal, "network: ", inputs.channels(), " channels for ", batch, " inputs");
    const OnStream on_stream(context.stream());
    c10::InferenceMode inference;
    const Int3& size = inputs.size();
    // The network must not write to its input; libtorch has no way to say so to from_blob.
    float* voxels = const_cast<float*>(inputs.data<float>());
    const at::Tensor output = run(at::from_blob(voxels, {batch, inputs.channels() / batch, size[0], size[1], size[2]},
                                                at::TensorOptions().dtype(at::kFloat).device(device_)));
    const Geometry geometry{{static_cast<std::int32_t>(output.size(2)), static_cast<std::int32_t>(output.size(3)),
                             static_cast<std::int32_t>(output.size(4))},
                            inputs.geometry().affine};
    auto* data = reinterpret_cast<std::byte*>(output.data_ptr<float>());
    return {DType::f32, static_cast<std::int32_t>(batch * output.size(1)), geometry,
            std::shared_ptr<std::byte>(data, [output](std::byte*) {})};
  }

  std::int64_t peak_bytes(std::int32_t channels, const Int3& size) const override {
    const Int3& known = options_.warm_up_size;
    const double known_voxels = static_cast<double>(known[0]) * known[1] * known[2] * options_.warm_up_batch;
    const auto voxels =
        checked_product({channels, size[0], size[1], size[2]}, "network input") / options_.input_channels;
    const double growing = static_cast<double>(warm_up_peak_) * static_cast<double>(voxels) / known_voxels;
    return static_cast<std::int64_t>(growing) + weight_bytes_;
  }

  std::int32_t output_channels() const override { return output_channels_; }
  std::vector<std::string> notes() const override { return variant_.notes; }

 private:
  at::Tensor run(const at::Tensor& input) const { return run_network(variant_.module, input); }

  /// Once to make libtorch profile and optimise the graph, once more to run and measure the optimised one.
  void warm_up() {
    c10::InferenceMode inference;
    const Int3& size = options_.warm_up_size;
    const at::Tensor input = at::zeros({options_.warm_up_batch, options_.input_channels, size[0], size[1], size[2]},
                                       at::TensorOptions().device(device_));
    run(input);
    const TorchMemoryMeter meter;
#ifdef VOXD_CUDA
    if (device_.is_cuda()) c10::cuda::CUDACachingAllocator::resetPeakStats(device_.index());
    const std::int64_t before = cuda_peak();
#endif
    output_channels_ = static_cast<std::int32_t>(run(input).size(1));
    warm_up_peak_ = meter.peak_bytes();
#ifdef VOXD_CUDA
    if (device_.is_cuda()) {
      c10::cuda::device_synchronize();
      warm_up_peak_ = cuda_peak() - before;
    }
#endif
  }

#ifdef VOXD_CUDA
  std::int64_t cuda_peak() const {
    if (!device_.is_cuda()) return 0;
    constexpr auto all_pools = static_cast<std::size_t>(c10::CachingAllocator::StatType::AGGREGATE);
    return c10::cuda::CUDACachingAllocator::getDeviceStats(device_.index()).allocated_bytes[all_pools].peak;
  }
#endif

  // forward() of a frozen module changes nothing in it, but is not declared so.
  mutable TorchVariant variant_;
  const NetworkOptions options_;
  const c10::Device device_;
  // Copies of weights in oneDNN's order do not grow with the voxels: at most all of them.
  const std::int64_t weight_bytes_;
  std::int64_t warm_up_peak_ = 0;
  std::int32_t output_channels_ = 0;
};

/// Never destroyed: tensors may outlive whatever is.
TorchCpuAllocator& torch_cpu_memory() {
  static TorchCpuAllocator& allocator = *new TorchCpuAllocator;
  return allocator;
}

torch::jit::Module load_frozen(const std::filesystem::path& file, int device) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error))
    fail(Code::not_found, file.filename().string(), ": there is no such file");
  try {
    torch::jit::Module module = torch::jit::load(file.string(), device_of(device));
    module.eval();
    // A file that was frozen when it was saved has nothing left to freeze.
    return module.hasattr("training") ? torch::jit::freeze(module) : module;
  } catch (const c10::Error& fault) {
    fail(Code::invalid_argument, "cannot be loaded as TorchScript: ", reason_of(fault));
  } catch (const std::exception& fault) {
    fail(Code::invalid_argument, "cannot be loaded as TorchScript: ", reason_of(fault.what()));
  }
}

}  // namespace

std::shared_ptr<const Network> load_torchscript(const std::filesystem::path& file, const NetworkOptions& options) {
  configure_torch(0);
  const torch::jit::Module module = load_frozen(file, options.device);
  auto network =
      std::make_shared<TorchNetwork>(module, static_cast<std::int64_t>(std::filesystem::file_size(file)), options);
  // To choose a form of the network took several answers at once; a job, which has one, would leave the rest lying.
  trim_torch_memory();
  return network;
}

void trim_torch_memory() { torch_cpu_memory().trim(); }

void configure_torch(int threads_per_worker) {
  static std::once_flag once;
  std::call_once(once, [] {
    c10::SetCPUAllocator(&torch_cpu_memory(), 1);
    at::set_num_interop_threads(1);
  });
  if (threads_per_worker > 0) at::set_num_threads(threads_per_worker);
}

void set_torch_threads(int threads) { at::set_num_threads(threads); }

DeviceAllocator torch_cuda_allocator() {
#ifdef VOXD_CUDA
  DeviceAllocator allocator;
  allocator.allocate = [](std::size_t bytes, void* stream) -> void* {
    try {
      return c10::cuda::CUDACachingAllocator::raw_alloc_with_stream(bytes, static_cast<cudaStream_t>(stream));
    } catch (const c10::OutOfMemoryError&) {
      return nullptr;
    }
  };
  allocator.release = [](void* block, std::size_t, void*) { c10::cuda::CUDACachingAllocator::raw_delete(block); };
  allocator.caches = true;
  return allocator;
#else
  fail(Code::failed_precondition, "this build has no CUDA");
#endif
}

std::string torch_version() { return TORCH_VERSION; }

}  // namespace voxd
