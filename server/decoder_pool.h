#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <vector>

#include "server/decoder_process.h"

namespace voxd {

/// Decodes compressed frames in processes of their own, so that a stream that makes a codec crash, hang or take all
/// memory fails its own frame and nothing else. Processes are started when they are needed, used again, and replaced
/// after a frame that failed. Safe from any thread: as many processes work as threads ask.
class DecoderPool {
 public:
  struct Options {
    std::filesystem::path program = {};  ///< empty: voxd_decoder, beside the program that runs this
    DecoderLimits limits = {};
    std::size_t most_idle = 8;                              ///< processes that are kept
    std::size_t most_frames = 10'000;                       ///< of one process
    std::size_t most_memory_bytes = std::size_t{16} << 20;  ///< shared with a process that is kept
  };
  /// Throws Error{failed_precondition} if there is no such program. Starts no process yet.
  explicit DecoderPool(Options options);

  /// Starts a process if none is idle. Throws Error as DecoderProcess does: where processes cannot be confined, an
  /// operator hears of it before the first image comes.
  void check();

  /// A FrameDecoder. Blocks.
  void decode(const CodedFrame& frame, std::span<std::byte> out);

  std::size_t idle() const;

 private:
  std::unique_ptr<DecoderProcess> take();
  void put_back(std::unique_ptr<DecoderProcess> process);

  const Options options_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<DecoderProcess>> idle_;  // guarded by mutex_; the last was used last
};

}  // namespace voxd
