#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "gpu_transforms/memory_pool.h"
#include "gpu_transforms/stream.h"

namespace voxd {

/// The memory of one job: blocks from the pool, counted (as asked for) against the job's budget, freed in the stream's
/// order. Must outlive what was allocated from it. Used by one thread at a time, like its stream: the last copy of a
/// pointer dies on that thread too.
class Workspace {
 public:
  /// budget_bytes 0: no budget.
  Workspace(Stream& stream, MemoryPool& pool, std::int64_t budget_bytes = 0);
  Workspace(const Workspace&) = delete;

  Stream& stream() const { return stream_; }
  std::int64_t bytes_in_use() const { return bytes_in_use_; }
  std::int64_t peak_bytes() const { return peak_bytes_; }
  std::int64_t budget_bytes() const { return budget_bytes_; }
  /// Starts a new peak measurement at what is in use now.
  void reset_peak() { peak_bytes_ = bytes_in_use_; }

  /// Uninitialised device memory that goes back when the last copy of the pointer dies; work enqueued until then may
  /// still use it. Throws Error{resource_exhausted} with both numbers when the job's budget or the pool is exhausted.
  std::shared_ptr<std::byte> allocate(std::size_t bytes);

  template <class T>
  std::shared_ptr<T> allocate_array(std::int64_t count) {
    std::shared_ptr<std::byte> bytes = allocate(static_cast<std::size_t>(count) * sizeof(T));
    return {bytes, reinterpret_cast<T*>(bytes.get())};
  }

 private:
  Stream& stream_;
  MemoryPool& pool_;
  const std::int64_t budget_bytes_;
  std::int64_t bytes_in_use_ = 0;
  std::int64_t peak_bytes_ = 0;
};

}  // namespace voxd
