// One target for each codec: VOXD_CODEC is its name in DicomCodec.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "gpu_transforms/volume/error.h"
#include "server/decode/coded_frame.h"
#include "server/decode/dicom_codecs.h"
#include "server/decode/dicom_syntax.h"

namespace {

using Bytes = std::span<const std::byte>;
constexpr voxd::DicomCodec codec = voxd::DicomCodec::VOXD_CODEC;
constexpr std::size_t guard_bytes = 64;
constexpr std::byte guard{0xA5};

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

/// A DICOM header that agrees with the stream, so that the stream is read beyond its own header.
voxd::DicomPixels pixels_of(Bytes stream) {
  voxd::DicomPixels pixels{.rows = 16, .columns = 16, .bits_allocated = 16, .bits_stored = 16, .high_bit = 15};
  if (codec == voxd::DicomCodec::run_length) {
    if (!stream.empty() && stream[0] == std::byte{1}) pixels.bits_allocated = pixels.bits_stored = 8;
  } else {
    const auto header =
        codec == voxd::DicomCodec::jpeg2000 ? voxd::read_jpeg2000_header(stream) : voxd::read_jpeg_header(stream);
    if (header && header->rows > 0 && header->rows <= 1024 && header->columns > 0 && header->columns <= 1024) {
      pixels.rows = static_cast<std::int32_t>(header->rows);
      pixels.columns = static_cast<std::int32_t>(header->columns);
    }
    if (header) pixels.bits_stored = std::clamp(header->bits, 1, 16);
    pixels.bits_allocated = pixels.bits_stored <= 8 ? 8 : 16;
  }
  pixels.high_bit = pixels.bits_stored - 1;
  return pixels;
}

/// JPEG's by its frame header: baseline, extended, or lossless.
std::string transfer_syntax_of(Bytes stream) {
  switch (codec) {
    case voxd::DicomCodec::run_length: return "1.2.840.10008.1.2.5";
    case voxd::DicomCodec::jpeg_ls: return "1.2.840.10008.1.2.4.80";
    case voxd::DicomCodec::jpeg2000: return "1.2.840.10008.1.2.4.90";
    default: break;
  }
  for (std::size_t i = 0; i + 1 < stream.size(); ++i) {
    if (stream[i] != std::byte{0xFF}) continue;
    if (stream[i + 1] == std::byte{0xC0}) return "1.2.840.10008.1.2.4.50";
    if (stream[i + 1] == std::byte{0xC1}) return "1.2.840.10008.1.2.4.51";
  }
  return "1.2.840.10008.1.2.4.70";
}

}  // namespace

/// Any bytes, as a compressed frame whose DICOM header agrees with them, are either refused with an Error or decoded
/// into the frame's memory, and nothing beside it is written.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes stream(reinterpret_cast<const std::byte*>(data), size);
  const voxd::CodedFrame frame{transfer_syntax_of(stream), pixels_of(stream), stream};
  const auto frame_bytes = static_cast<std::size_t>(frame.pixels.frame_bytes());
  std::vector<std::byte> memory(frame_bytes + guard_bytes, guard);
  try {
    voxd::decode_frame(frame, std::span(memory).first(frame_bytes));
  } catch (const voxd::Error& error) {
    require(error.code() == voxd::Code::invalid_argument, "a bad stream is the caller's fault");
  }
  require(std::ranges::all_of(std::span(memory).last(guard_bytes), [](std::byte b) { return b == guard; }),
          "nothing beside the frame is written");
  return 0;
}
