#pragma once

#include <string>

namespace voxd::bench {

/// What is sent and what comes back: a CT volume as float32, and two label maps of one byte a voxel.
inline constexpr int kVolume[3] = {512, 512, 114};
inline constexpr int kLabels[3] = {224, 224, 224};
inline constexpr std::int64_t kVolumeBytes = std::int64_t{512} * 512 * 114 * 4;
inline constexpr std::int64_t kLabelBytes = std::int64_t{224} * 224 * 224;

/// Serves in this process until standard input ends: "voxd" with a model that gives its label maps without looking at
/// the volume, or "typed", a plain synchronous server of gRPC's generated code that copies the volume once and its
/// label maps once. Says "GRPC_PORT HTTP_PORT" on standard output. Then answers each line of standard input: "reset"
/// (the peak of resident memory begins anew), "usage" with "MINOR_FAULTS RESIDENT_KB PEAK_KB". `queue_bytes`: voxd's, 0
/// for enough.
void serve_transport(const std::string& kind, std::int64_t queue_bytes);

}  // namespace voxd::bench
