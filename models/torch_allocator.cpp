#include "models/torch_allocator.h"

#include <new>
#include <utility>

#include "gpu_transforms/volume/checked.h"

namespace voxd {
namespace {

/// Below this the C library is as good, and does not round up to the pool's size classes.
constexpr std::size_t pooled_from = 64 * 1024;
/// What libtorch's kernels count on.
constexpr std::size_t alignment = 64;

thread_local std::shared_ptr<TorchMemoryMeter::Counters> current_counters;
thread_local bool has_run_out = false;

/// Stands in front of a tensor's memory, at the start of the buffer that both lie in: libtorch gives back the address
/// of the memory and nothing else.
struct alignas(alignment) HostBlock {
  explicit HostBlock(HostBuffer memory)
      : buffer(std::move(memory)), bytes(static_cast<std::int64_t>(buffer.size())), counters(current_counters) {
    if (!counters) return;
    const std::int64_t now = counters->in_use += bytes;
    std::int64_t peak = counters->peak;
    while (now > peak && !counters->peak.compare_exchange_weak(peak, now)) {
    }
  }
  ~HostBlock() {
    if (counters) counters->in_use -= bytes;
  }
  HostBlock(const HostBlock&) = delete;

  HostBuffer buffer;
  const std::int64_t bytes;
  std::shared_ptr<TorchMemoryMeter::Counters> counters;
};

void release_memory(void* memory) {
  if (!memory) return;
  auto* block = reinterpret_cast<HostBlock*>(static_cast<std::byte*>(memory) - sizeof(HostBlock));
  // The buffer that the block lies in must outlive it.
  const HostBuffer buffer = std::move(block->buffer);
  block->~HostBlock();
}

}  // namespace

TorchMemoryMeter::TorchMemoryMeter() : counters_(std::make_shared<Counters>()) { current_counters = counters_; }

TorchMemoryMeter::~TorchMemoryMeter() { current_counters = nullptr; }

TorchCpuAllocator::TorchCpuAllocator() : pool_(cpu_allocator(), {}) {}

bool TorchCpuAllocator::ran_out() { return std::exchange(has_run_out, false); }

c10::DataPtr TorchCpuAllocator::allocate(std::size_t bytes) {
  const c10::Device cpu(c10::DeviceType::CPU);
  if (bytes == 0) return {nullptr, nullptr, &release_memory, cpu};
  const auto whole =
      static_cast<std::size_t>(checked_sum(static_cast<std::int64_t>(bytes), sizeof(HostBlock), "tensor"));
  has_run_out = true;  // unless what follows succeeds
  HostBuffer buffer = bytes < pooled_from ? allocate_host(whole) : pool_.allocate_host_buffer(whole);
  has_run_out = false;
  std::byte* start = buffer.data();
  new (start) HostBlock(std::move(buffer));
  return {start + sizeof(HostBlock), start + sizeof(HostBlock), &release_memory, cpu};
}

// Some kernels ask for plain memory without its owner, which this allows them.
c10::DeleterFnPtr TorchCpuAllocator::raw_deleter() const { return &release_memory; }

void TorchCpuAllocator::copy_data(void* target, const void* source, std::size_t bytes) const {
  default_copy_data(target, source, bytes);
}

}  // namespace voxd
