#pragma once

#include <array>
#include <cstdint>

// What a server and a process that decodes frames for it say to each other, one message at a time, over a socket that
// keeps messages apart. Streams and frames lie in memory that both have mapped. Both are of one build.
namespace voxd {

/// The process' descriptors.
inline constexpr int kDecoderSocket = 0;
inline constexpr int kDecoderMemory = 3;

/// Where a frame begins behind its stream.
inline constexpr std::uint64_t kFrameAlignment = 64;

struct FrameRequest {
  std::uint64_t memory_bytes;  ///< of the shared memory: it may have grown
  std::uint64_t stream_bytes;  ///< from its start on
  std::uint64_t frame_offset;
  std::int32_t rows, columns;
  std::int32_t bits_allocated, bits_stored, high_bit;
  std::int32_t is_signed;
  std::array<char, 68> transfer_syntax;  ///< with a zero at its end
};

enum class FrameVerdict : std::uint32_t {
  ready,  ///< the first message, before any request: the process is confined
  decoded,
  refused,  ///< the stream is damaged
  out_of_memory,
};

struct FrameReply {
  FrameVerdict verdict;
  std::array<char, 252> reason;  ///< of `refused`, and of a process that ends because it cannot be confined
};

}  // namespace voxd
