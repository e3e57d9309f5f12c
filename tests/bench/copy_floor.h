#pragma once

#include <functional>

#include "gpu_transforms/workspace.h"

namespace voxd::bench {

/// The speed of memory, in bytes per ms: a float32 512x512x114 is read and written again, times a constant, by so many
/// threads, each its own part (on CUDA by a pointwise transform). Best of some runs.
class CopyFloor {
 public:
  CopyFloor(int threads, Workspace& workspace);
  double measure();

 private:
  void on_cuda(const std::function<void()>& read_clock);

  const int threads_;
  Workspace& workspace_;
  std::shared_ptr<float> from_, to_;
};

}  // namespace voxd::bench
