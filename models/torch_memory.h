#pragma once

namespace voxd {

/// Gives back to the system what libtorch's CPU memory keeps for reuse. Safe from any thread.
void trim_torch_memory();

}  // namespace voxd
