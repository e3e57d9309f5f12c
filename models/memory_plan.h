#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>

#include "gpu_transforms/volume/checked.h"
#include "gpu_transforms/volume/dtype.h"
#include "gpu_transforms/volume/geometry.h"

namespace voxd {

/// Plays a run through without voxels, to learn how much memory it will need: blocks are taken and given back as the
/// run would. Used by one thread; must outlive the blocks.
class MemoryPlan {
 public:
  MemoryPlan() = default;
  MemoryPlan(const MemoryPlan&) = delete;

  /// Counts as in use until the last copy of the pointer dies.
  std::shared_ptr<const void> allocate(std::int64_t bytes) {
    in_use_ = checked_sum(in_use_, bytes, "memory plan");
    peak_ = std::max(peak_, in_use_);
    return {this, [this, bytes](const void*) { in_use_ -= bytes; }};
  }

  /// Taken and given back while everything else stays in use.
  void scratch(std::int64_t bytes) { allocate(bytes); }

  std::int64_t peak_bytes() const { return peak_; }

 private:
  std::int64_t in_use_ = 0;
  std::int64_t peak_ = 0;
};

/// What a DeviceVolume will be. Where a size is not known before the run it is the largest that it can be; the affine's
/// origin is then anywhere, its axes are right.
struct PlannedVolume {
  PlannedVolume() = default;
  PlannedVolume(DType type, std::int32_t channel_count, const Geometry& grid, MemoryPlan& plan)
      : dtype(type), channels(channel_count), size(grid.size), affine(grid.affine), memory(plan.allocate(bytes())) {}

  Geometry geometry() const { return {size, affine}; }
  std::int64_t bytes() const {
    return checked_product({channels, size[0], size[1], size[2], static_cast<std::int64_t>(size_of(dtype))},
                           "memory plan");
  }

  DType dtype = DType::f32;
  std::int32_t channels = 0;
  Int3 size{};
  Affine affine = identity_affine();
  std::shared_ptr<const void> memory;
};

}  // namespace voxd
