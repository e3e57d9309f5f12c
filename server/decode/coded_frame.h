#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>

#include "server/decode/dicom_instance.h"

namespace voxd {

/// One compressed frame of a DICOM file.
struct CodedFrame {
  std::string transfer_syntax;  ///< UID
  DicomPixels pixels;
  std::span<const std::byte> stream;  ///< its fragments, put together
};

/// Decodes a frame into memory of pixels.frame_bytes(): numbers as stored, native byte order, rows from top to bottom.
/// Throws Error{invalid_argument} if the stream is damaged or of another size or precision. Safe from any thread.
using FrameDecoder = std::function<void(const CodedFrame& frame, std::span<std::byte> out)>;

/// A FrameDecoder that works in this process, whose codecs read whatever comes.
void decode_frame(const CodedFrame& frame, std::span<std::byte> out);

}  // namespace voxd
