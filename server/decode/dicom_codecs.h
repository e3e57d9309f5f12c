#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "server/decode/dicom_instance.h"

namespace voxd {

/// What a compressed frame says about itself. Its precision counts where the DICOM header says something else; its sign
/// does not: JPEG has none, and JPEG 2000's is often wrong.
struct CodestreamHeader {
  std::int64_t columns = 0;
  std::int64_t rows = 0;
  int components = 0;
  int bits = 0;
};

/// The frame header of a JPEG or JPEG-LS stream; empty if there is none.
std::optional<CodestreamHeader> read_jpeg_header(std::span<const std::byte> stream);

/// The SIZ segment of a JPEG 2000 or HTJ2K codestream, bare or inside a JP2 file; empty if there is none.
std::optional<CodestreamHeader> read_jpeg2000_header(std::span<const std::byte> stream);

/// Each decodes one frame into `out`, which is pixels.frame_bytes() long, native byte order; memory is taken only after
/// the stream's own size was found to be that of `pixels`. Throws Error{invalid_argument} if the stream is damaged or
/// is of another size or precision. Safe from any thread.
void decode_jpeg_ls(std::span<const std::byte> stream, const DicomPixels& pixels, std::span<std::byte> out);
/// RLE Lossless (PS3.5 annex G): PackBits, a segment for each byte of a number, the highest first.
void decode_run_length(std::span<const std::byte> stream, const DicomPixels& pixels, std::span<std::byte> out);
/// JPEG baseline, extended or lossless, as the transfer syntax says.
void decode_jpeg(std::span<const std::byte> stream, const std::string& transfer_syntax, const DicomPixels& pixels,
                 std::span<std::byte> out);
/// JPEG 2000 part 1 and HTJ2K.
void decode_jpeg2000(std::span<const std::byte> stream, const DicomPixels& pixels, std::span<std::byte> out);

/// Throws Error{invalid_argument} unless the stream is one component of the rows and columns of `pixels`, and of no
/// more bits than are allocated.
void check_codestream(const std::optional<CodestreamHeader>& header, const DicomPixels& pixels);

}  // namespace voxd
