#pragma once

#include <c10/core/Allocator.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "gpu_transforms/memory_pool.h"

namespace voxd {

/// Counts what one thread's work holds of libtorch's CPU memory, from its construction to its destruction.
class TorchMemoryMeter {
 public:
  struct Counters {
    std::atomic<std::int64_t> in_use{0}, peak{0};
  };

  TorchMemoryMeter();
  ~TorchMemoryMeter();
  TorchMemoryMeter(const TorchMemoryMeter&) = delete;
  std::int64_t peak_bytes() const { return counters_->peak; }

 private:
  const std::shared_ptr<Counters> counters_;
};

/// libtorch's CPU memory from a pool that recycles pages: fresh ones cost more than what a network computes in them.
/// Safe from any thread. Lives as long as the process, as tensors do.
class TorchCpuAllocator final : public c10::Allocator {
 public:
  TorchCpuAllocator();
  c10::DataPtr allocate(std::size_t bytes) override;
  c10::DeleterFnPtr raw_deleter() const override;
  void copy_data(void* target, const void* source, std::size_t bytes) const override;
  /// Whether an allocation of the calling thread has failed since it last asked.
  static bool ran_out();
  /// Gives back to the system what is held for reuse.
  void trim() { pool_.trim(); }

 private:
  MemoryPool pool_;
};

}  // namespace voxd
