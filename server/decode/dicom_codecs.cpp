#include "server/decode/dicom_codecs.h"

#include <charls/charls.h>
#include <openjpeg.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "gpu_transforms/volume/error.h"

namespace voxd {
namespace {

int byte_at(std::span<const std::byte> bytes, std::size_t at) { return std::to_integer<int>(bytes[at]); }

std::int64_t big_endian(std::span<const std::byte> bytes, std::size_t at, std::size_t count) {
  std::int64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8 | byte_at(bytes, at + i);
  return value;
}

std::uint32_t little_endian(std::span<const std::byte> bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = value << 8 | std::to_integer<std::uint32_t>(bytes[at + i]);
  return value;
}

/// PackBits: a count below 128 is followed by that many bytes and one, one above by a byte to repeat 257 less it times.
/// Every `stride`th byte of `out` from `first` on is filled.
void unpack_segment(std::span<const std::byte> packed, std::size_t first, std::size_t stride,
                    std::span<std::byte> out) {
  std::size_t to = first;
  for (std::size_t at = 0; to < out.size();) {
    if (at + 1 >= packed.size()) fail(Code::invalid_argument, "compressed frame: an RLE segment is cut short");
    const std::size_t code = std::to_integer<std::size_t>(packed[at++]);
    if (code == 128) continue;
    const bool is_run = code > 128;
    const std::size_t count = is_run ? 257 - code : code + 1;
    if (!is_run && count > packed.size() - at)
      fail(Code::invalid_argument, "compressed frame: an RLE segment is cut short");
    for (std::size_t i = 0; i < count && to < out.size(); ++i, to += stride) out[to] = packed[is_run ? at : at + i];
    at += is_run ? 1 : count;
  }
}

/// A start-of-frame marker: the JPEG processes SOF0 to SOF15 without DHT, JPG and DAC, and JPEG-LS' SOF55.
bool is_frame_marker(int marker) {
  return (marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC) || marker == 0xF7;
}

constexpr int start_of_image = 0xD8;

bool has_no_segment(int marker) { return marker == 0x01 || (marker >= 0xD0 && marker <= 0xD7); }

/// A stream that openjpeg reads from memory.
struct MemoryStream {
  std::span<const std::byte> bytes;
  std::size_t at = 0;

  static OPJ_SIZE_T read(void* to, OPJ_SIZE_T count, void* self) {
    auto& stream = *static_cast<MemoryStream*>(self);
    const std::size_t left = stream.bytes.size() - stream.at;
    if (left == 0) return static_cast<OPJ_SIZE_T>(-1);
    count = std::min<OPJ_SIZE_T>(count, left);
    std::memcpy(to, stream.bytes.data() + stream.at, count);
    stream.at += count;
    return count;
  }
  static OPJ_OFF_T skip(OPJ_OFF_T count, void* self) {
    auto& stream = *static_cast<MemoryStream*>(self);
    const auto left = static_cast<OPJ_OFF_T>(stream.bytes.size() - stream.at);
    if (count < 0 || left == 0) return -1;
    count = std::min(count, left);
    stream.at += static_cast<std::size_t>(count);
    return count;
  }
  static OPJ_BOOL seek(OPJ_OFF_T to, void* self) {
    auto& stream = *static_cast<MemoryStream*>(self);
    if (to < 0 || static_cast<std::size_t>(to) > stream.bytes.size()) return OPJ_FALSE;
    stream.at = static_cast<std::size_t>(to);
    return OPJ_TRUE;
  }
};

struct ReleaseStream {
  void operator()(opj_stream_t* stream) const { opj_stream_destroy(stream); }
};
struct ReleaseCodec {
  void operator()(opj_codec_t* codec) const { opj_destroy_codec(codec); }
};
struct ReleaseImage {
  void operator()(opj_image_t* image) const { opj_image_destroy(image); }
};
using Stream = std::unique_ptr<opj_stream_t, ReleaseStream>;
using Codec = std::unique_ptr<opj_codec_t, ReleaseCodec>;
using Image = std::unique_ptr<opj_image_t, ReleaseImage>;

bool is_jp2(std::span<const std::byte> stream) {
  return stream.size() >= 12 && big_endian(stream, 0, 4) == 12 && big_endian(stream, 4, 4) == 0x6A502020;
}

Stream open_stream(MemoryStream& memory) {
  Stream stream(opj_stream_default_create(OPJ_TRUE));
  if (!stream) throw std::bad_alloc();
  opj_stream_set_user_data(stream.get(), &memory, nullptr);
  opj_stream_set_user_data_length(stream.get(), memory.bytes.size());
  opj_stream_set_read_function(stream.get(), MemoryStream::read);
  opj_stream_set_skip_function(stream.get(), MemoryStream::skip);
  opj_stream_set_seek_function(stream.get(), MemoryStream::seek);
  return stream;
}

Codec open_codec(std::span<const std::byte> stream) {
  Codec codec(opj_create_decompress(is_jp2(stream) ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K));
  if (!codec) throw std::bad_alloc();
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  if (!opj_setup_decoder(codec.get(), &parameters) || !opj_decoder_set_strict_mode(codec.get(), OPJ_TRUE))
    fail(Code::internal, "JPEG 2000: the decoder does not take its settings");
  return codec;
}

void check_bits(int bits, const DicomPixels& pixels) {
  if (bits != pixels.bits_stored)
    fail(Code::invalid_argument, "compressed frame: ", bits, " bits, the first frame has ", pixels.bits_stored);
}

/// The low bits of each number: what they mean is for the DICOM header to say, as JPEG 2000's own sign is often wrong.
template <class T>
void store(const opj_image_comp_t& component, std::span<std::byte> out) {
  const std::size_t count = out.size() / sizeof(T);
  for (std::size_t i = 0; i < count; ++i) {
    const T value = static_cast<T>(component.data[i]);
    std::memcpy(out.data() + i * sizeof(T), &value, sizeof value);
  }
}

}  // namespace

std::optional<CodestreamHeader> read_jpeg_header(std::span<const std::byte> stream) {
  for (std::size_t at = 0; at + 4 <= stream.size();) {
    if (byte_at(stream, at) != 0xFF) return std::nullopt;
    const int marker = byte_at(stream, at + 1);
    if (marker == 0xFF) {
      ++at;  // fill bytes may stand before a marker
    } else if (marker == start_of_image) {
      at += 2;
    } else if (has_no_segment(marker)) {
      return std::nullopt;  // has no place before a frame's header, and DCMTK would not get past it
    } else if (is_frame_marker(marker)) {
      if (stream.size() - at < 10) return std::nullopt;
      return CodestreamHeader{big_endian(stream, at + 7, 2), big_endian(stream, at + 5, 2), byte_at(stream, at + 9),
                              byte_at(stream, at + 4)};
    } else {
      at += 2 + static_cast<std::size_t>(std::max<std::int64_t>(big_endian(stream, at + 2, 2), 2));
    }
  }
  return std::nullopt;
}

std::optional<CodestreamHeader> read_jpeg2000_header(std::span<const std::byte> stream) {
  constexpr std::byte start[] = {std::byte{0xFF}, std::byte{0x4F}, std::byte{0xFF}, std::byte{0x51}};
  const auto found = std::search(stream.begin(), stream.end(), std::begin(start), std::end(start));
  const std::span<const std::byte> siz = stream.subspan(static_cast<std::size_t>(found - stream.begin()));
  if (siz.size() < 43) return std::nullopt;
  const int depth = byte_at(siz, 42);
  return CodestreamHeader{big_endian(siz, 8, 4) - big_endian(siz, 16, 4),
                          big_endian(siz, 12, 4) - big_endian(siz, 20, 4), static_cast<int>(big_endian(siz, 40, 2)),
                          (depth & 0x7F) + 1};
}

void check_codestream(const std::optional<CodestreamHeader>& header, const DicomPixels& pixels) {
  if (!header) fail(Code::invalid_argument, "compressed frame: it has no frame header");
  if (header->columns != pixels.columns || header->rows != pixels.rows || header->components != 1)
    fail(Code::invalid_argument, "compressed frame: ", header->columns, "x", header->rows, " pixels of ",
         header->components, " components, the DICOM header says ", pixels.columns, "x", pixels.rows, " of 1");
  if (header->bits < 1 || header->bits > pixels.bits_allocated)
    fail(Code::invalid_argument, "compressed frame: ", header->bits, " bits, BitsAllocated is ", pixels.bits_allocated);
}

void decode_jpeg_ls(std::span<const std::byte> stream, const DicomPixels& pixels, std::span<std::byte> out) {
  check_codestream(read_jpeg_header(stream), pixels);
  try {
    const charls::jpegls_decoder decoder(stream.data(), stream.size());
    const charls::frame_info info = decoder.frame_info();
    check_codestream(CodestreamHeader{info.width, info.height, info.component_count, info.bits_per_sample}, pixels);
    check_bits(info.bits_per_sample, pixels);
    const std::size_t pixel_bytes = info.bits_per_sample <= 8 ? 1 : 2;
    const std::size_t allocated_bytes = static_cast<std::size_t>(pixels.bits_allocated) / 8;
    if (pixel_bytes == allocated_bytes) {
      decoder.decode(out.data(), out.size());
      return;
    }
    // Few enough bits for one byte each, in a frame whose pixels have two.
    const std::size_t count = out.size() / allocated_bytes;
    decoder.decode(out.data(), count);
    for (std::size_t i = count; i-- > 0;) {
      const std::byte value = out[i];
      std::memset(out.data() + i * allocated_bytes, 0, allocated_bytes);
      out[i * allocated_bytes] = value;
    }
  } catch (const charls::jpegls_error&) {
    fail(Code::invalid_argument, "compressed frame: not a whole JPEG-LS stream");
  }
}

void decode_run_length(std::span<const std::byte> stream, const DicomPixels& pixels, std::span<std::byte> out) {
  constexpr std::size_t header_bytes = 64;
  const std::size_t segments = static_cast<std::size_t>(pixels.bits_allocated) / 8;
  if (stream.size() < header_bytes) fail(Code::invalid_argument, "compressed frame: no RLE header");
  if (const std::uint32_t said = little_endian(stream, 0); said != segments)
    fail(Code::invalid_argument, "compressed frame: ", said, " RLE segments, ", segments, " expected");
  for (std::size_t i = 0; i < segments; ++i) {
    const std::size_t begin = little_endian(stream, 4 + 4 * i);
    const std::size_t end = i + 1 < segments ? little_endian(stream, 8 + 4 * i) : stream.size();
    if (begin < header_bytes || begin > end || end > stream.size())
      fail(Code::invalid_argument, "compressed frame: RLE segment ", i + 1, " from byte ", begin, " to ", end, " of ",
           stream.size());
    unpack_segment(stream.subspan(begin, end - begin), segments - 1 - i, segments, out);
  }
}

void decode_jpeg2000(std::span<const std::byte> stream, const DicomPixels& pixels, std::span<std::byte> out) {
  check_codestream(read_jpeg2000_header(stream), pixels);
  MemoryStream memory{stream};
  const Stream source = open_stream(memory);
  const Codec codec = open_codec(stream);
  opj_image_t* opened = nullptr;
  const bool header_read = opj_read_header(source.get(), codec.get(), &opened);
  const Image image(opened);
  if (!header_read) fail(Code::invalid_argument, "compressed frame: not a JPEG 2000 codestream");
  const auto check_image = [&] {
    if (image->numcomps != 1)
      fail(Code::invalid_argument, "compressed frame: ", image->numcomps, " components, 1 expected");
    const opj_image_comp_t& component = image->comps[0];
    check_codestream(CodestreamHeader{component.w, component.h, 1, static_cast<int>(component.prec)}, pixels);
    check_bits(static_cast<int>(component.prec), pixels);
  };
  check_image();
  if (!opj_decode(codec.get(), source.get(), image.get()) || !opj_end_decompress(codec.get(), source.get()))
    fail(Code::invalid_argument, "compressed frame: the JPEG 2000 codestream is damaged or cut short");
  check_image();
  if (image->comps[0].data == nullptr) fail(Code::invalid_argument, "compressed frame: the codestream has no pixels");
  switch (pixels.bits_allocated) {
    case 8: store<std::uint8_t>(image->comps[0], out); break;
    case 16: store<std::uint16_t>(image->comps[0], out); break;
    default: store<std::uint32_t>(image->comps[0], out);
  }
}

}  // namespace voxd
