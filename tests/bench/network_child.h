#pragma once

#include <filesystem>
#include <string>

#include "gpu_transforms/volume/geometry.h"

namespace voxd::bench {

/// One network in one way of running it, in a process of its own: allocator and OpenMP's settings are a process's.
struct NetworkRun {
  std::string way;  ///< "default": as a program runs that only links libtorch; "plain", "rewritten", "bf16": voxd's
  std::filesystem::path file;
  std::int32_t channels = 1;
  Int3 size{};
  int threads = 1;
};

/// Loads it and says "ready NOTES" on standard output; then runs it once for each line of standard input and answers
/// with the milliseconds. Returns at the end of the input.
void serve_runs(const NetworkRun& run);

}  // namespace voxd::bench
