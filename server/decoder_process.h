#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>

#include "models/child_process.h"
#include "server/decode/coded_frame.h"
#include "server/decode/decoder_protocol.h"
#include "server/file_descriptor.h"

namespace voxd {

/// How long a process that decodes may take.
struct DecoderLimits {
  std::chrono::milliseconds frame{20'000};  ///< for one frame
  std::chrono::milliseconds start{20'000};
};

/// A process that decodes compressed frames, one after the other, and can do nothing else (confine_decoder). It shares
/// a piece of memory with this one, which grows with what is decoded; stream and frame are copied in and out. The
/// process ends with this object. Used by one thread at a time.
class DecoderProcess {
 public:
  /// Starts `program` and waits until it has confined itself. Throws Error{failed_precondition} where it does not, and
  /// Error{internal} where it does not start.
  DecoderProcess(const std::filesystem::path& program, const DecoderLimits& limits);
  ~DecoderProcess();
  DecoderProcess(const DecoderProcess&) = delete;

  /// As FrameDecoder. Throws Error{invalid_argument} as well when the process crashes, does what it may not, takes too
  /// long or too much memory, and Error{resource_exhausted} when it is killed from outside. After an Error it is of no
  /// further use.
  void decode(const CodedFrame& frame, std::span<std::byte> out);

  /// False if it has ended since it was last used.
  bool is_alive() const;
  std::size_t frames() const { return frames_; }               ///< decoded by it so far
  std::size_t memory_bytes() const { return memory_.size(); }  ///< shared with it

 private:
  /// A child that ends, at the latest, with this object.
  class Child {
   public:
    explicit Child(pid_t process) : process_(process) {}
    ~Child() { end(); }
    Child(const Child&) = delete;
    /// Ends it unless it has ended by itself; how.
    ChildEnd end();

   private:
    const pid_t process_;
    std::optional<ChildEnd> end_;
  };

  void grow(std::size_t bytes);
  /// None: there was none in time.
  std::optional<FrameReply> reply_within(std::chrono::milliseconds limit);
  [[noreturn]] void explain_end();
  [[noreturn]] void fail_late();

  const std::chrono::milliseconds frame_limit_;
  const FileDescriptor file_;    // the shared memory
  std::span<std::byte> memory_;  // file_, mapped
  FileDescriptor socket_;
  std::optional<Child> child_;
  const char* subject_ = "decoder";  // of messages about its end
  std::size_t frames_ = 0;
};

}  // namespace voxd
