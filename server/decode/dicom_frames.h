#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "server/decode/coded_frame.h"
#include "server/decode/limits.h"

namespace voxd {

/// The pixels of one file. Holds a copy of them, compressed as they are. Safe from any thread, but uncompressed frames
/// are read one at a time.
class DicomFrames {
 public:
  /// Parses the whole file; `instance` is what read_dicom_instance gave for it. Throws Error{invalid_argument}.
  DicomFrames(std::span<const std::byte> file, const DicomInstance& instance, const DecodeLimits& limits);
  ~DicomFrames();
  DicomFrames(DicomFrames&&) noexcept;

  /// Reads frame `index` into `out`, which is pixels.frame_bytes() long: numbers as stored, in native byte order,
  /// rows from top to bottom. A compressed frame is `decode`'s to decode. Throws Error{invalid_argument} if the frame
  /// is not there, cut short or damaged.
  void read(std::int32_t index, std::span<std::byte> out, const FrameDecoder& decode = decode_frame);

 private:
  struct File;
  std::unique_ptr<File> file_;
};

}  // namespace voxd
