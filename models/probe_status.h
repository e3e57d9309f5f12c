#pragma once

namespace voxd {

/// How voxd_probe ends when the network is refused in good order; the reason is in its output then.
inline constexpr int kProbeRefused = 3;

}  // namespace voxd
