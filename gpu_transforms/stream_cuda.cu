#include <exception>
#include <mutex>
#include <utility>

#include "gpu_transforms/cuda_calls.h"
#include "gpu_transforms/cuda_check.h"
#include "gpu_transforms/cuda_memory.h"
#include "gpu_transforms/memory_pool.h"

namespace voxd {
namespace {

class CudaEvent : public Event {
 public:
  explicit CudaEvent(cudaStream_t stream) {
    check_cuda(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "cudaEventCreate");
    if (const cudaError_t status = cudaEventRecord(event_, stream); status != cudaSuccess) {
      cudaEventDestroy(event_);
      check_cuda(status, "cudaEventRecord");
    }
  }
  ~CudaEvent() override { cudaEventDestroy(event_); }

  void synchronize() const override { check_cuda(cudaEventSynchronize(event_), "cudaEventSynchronize"); }

  bool passed() const override {
    const cudaError_t status = cudaEventQuery(event_);
    if (status == cudaErrorNotReady) return false;
    check_cuda(status, "cudaEventQuery");
    return true;
  }

  cudaEvent_t handle() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

/// The first exception of a stream's host work, which runs on the driver's thread. Safe from any thread.
class Failure {
 public:
  void keep(std::exception_ptr failure) {
    const std::lock_guard lock(mutex_);
    if (!first_) first_ = std::move(failure);
  }
  std::exception_ptr take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(first_, nullptr);
  }

 private:
  std::mutex mutex_;
  std::exception_ptr first_;  // guarded by mutex_
};

struct HostWork {
  std::function<void()> work;
  Failure& failure;
};

void run_host_work(void* argument) {
  const std::unique_ptr<HostWork> host(static_cast<HostWork*>(argument));
  try {
    host->work();
  } catch (...) {
    host->failure.keep(std::current_exception());
  }
}

/// A non-blocking stream: it never waits for the legacy default stream. One thread at a time.
class CudaStream : public Stream {
 public:
  explicit CudaStream(int device) : Stream(Backend::cuda), device_(device) {
    check_cuda(cudaSetDevice(device), "cudaSetDevice");
    check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate");
  }

  // Waits, because host work that still runs refers to failure_.
  ~CudaStream() override {
    cudaStreamSynchronize(stream_);
    cudaStreamDestroy(stream_);
  }

  void enqueue(std::function<void()> work) override {
    auto host = std::make_unique<HostWork>(HostWork{std::move(work), failure_});
    check_cuda(cudaLaunchHostFunc(cuda_stream_of(*this), run_host_work, host.get()), "cudaLaunchHostFunc");
    host.release();
  }

  std::shared_ptr<Event> record() override { return std::make_shared<CudaEvent>(cuda_stream_of(*this)); }

  void wait(const Event& event) override {
    if (const auto* cuda = dynamic_cast<const CudaEvent*>(&event)) {
      check_cuda(cudaStreamWaitEvent(cuda_stream_of(*this), cuda->handle(), 0), "cudaStreamWaitEvent");
    } else {
      event.synchronize();
    }
  }

  void synchronize() override {
    check_cuda(cudaStreamSynchronize(cuda_stream_of(*this)), "cudaStreamSynchronize");
    if (std::exception_ptr failure = failure_.take()) std::rethrow_exception(failure);
  }

  void* native_handle() const override { return stream_; }
  int device() const override { return device_; }

 private:
  const int device_;
  cudaStream_t stream_ = nullptr;
  Failure failure_;
};

// Freed memory stays with the driver's pool until somebody needs it, instead of going back at every synchronize.
void keep_freed_memory(int device) {
  cudaMemPool_t pool = nullptr;
  unsigned long long threshold = ~0ULL;
  check_cuda(cudaDeviceGetDefaultMemPool(&pool, device), "cudaDeviceGetDefaultMemPool");
  check_cuda(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold), "cudaMemPoolSetAttribute");
}

void* allocate_async(std::size_t bytes, void* native_stream) {
  void* block = nullptr;
  check_cuda(cudaMallocAsync(&block, bytes, static_cast<cudaStream_t>(native_stream)), "cudaMallocAsync");
  return block;
}

// A failing free means a broken context, which the next call on the stream reports.
void release_async(void* block, std::size_t, void* native_stream) {
  cudaFreeAsync(block, static_cast<cudaStream_t>(native_stream));
}

void require_device(int device) {
  std::string why;
  const int devices = cuda_device_count(&why);
  if (devices == 0) fail(Code::failed_precondition, why);
  if (device < 0 || device >= devices)
    fail(Code::invalid_argument, "cuda device: ", device, ", this machine has 0 to ", devices - 1);
}

}  // namespace

int cuda_device_count(std::string* why) {
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaSuccess && count > 0) return count;
  cudaGetLastError();
  if (why != nullptr)
    *why = std::string("cuda: ") + (status == cudaSuccess ? "no device found" : cudaGetErrorString(status));
  return 0;
}

std::unique_ptr<Stream> make_cuda_stream(int device) {
  require_device(device);
  return std::make_unique<CudaStream>(device);
}

std::string cuda_device_name(int device) {
  require_device(device);
  cudaDeviceProp properties{};
  check_cuda(cudaGetDeviceProperties(&properties, device), "cudaGetDeviceProperties");
  return properties.name;
}

std::int64_t cuda_free_memory(int device) {
  require_device(device);
  std::size_t free = 0, total = 0;
  check_cuda(cudaSetDevice(device), "cudaSetDevice");
  check_cuda(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
  return static_cast<std::int64_t>(free);
}

DeviceAllocator cuda_async_allocator() {
  std::string why;
  const int devices = cuda_device_count(&why);
  if (devices == 0) fail(Code::failed_precondition, why);
  for (int device = 0; device < devices; ++device) keep_freed_memory(device);
  return {allocate_async, release_async, true};
}

void cuda_copy_bytes(void* to, const void* from, std::size_t bytes, Direction direction, Stream& stream) {
  const cudaMemcpyKind kind = direction == Direction::to_device ? cudaMemcpyHostToDevice
                              : direction == Direction::to_host ? cudaMemcpyDeviceToHost
                                                                : cudaMemcpyDeviceToDevice;
  check_cuda(cudaMemcpyAsync(to, from, bytes, kind, cuda_stream_of(stream)), "cudaMemcpyAsync");
}

void cuda_fill_bytes(void* memory, unsigned char value, std::size_t bytes, Stream& stream) {
  check_cuda(cudaMemsetAsync(memory, value, bytes, cuda_stream_of(stream)), "cudaMemsetAsync");
}

}  // namespace voxd
