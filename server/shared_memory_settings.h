#pragma once

#include "server/shared_memory.h"

namespace CLI {
class App;
}

namespace voxd {

/// The settings --shm and --shm-...
void add_shared_memory_options(CLI::App& app, SharedMemory::Options& options);

/// Throws Error{invalid_argument} where memory of CUDA devices is asked for and there are none.
void check(const SharedMemory::Options& options);

}  // namespace voxd
