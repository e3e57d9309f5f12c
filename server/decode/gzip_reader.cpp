#include "server/decode/gzip_reader.h"

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <array>

#include "gpu_transforms/volume/error.h"

namespace voxd {
namespace {

constexpr std::size_t max_piece = std::size_t{1} << 30;  // igzip counts bytes in 32 bits

const char* reason(int result) {
  switch (result) {
    case ISAL_INVALID_BLOCK:
    case ISAL_INVALID_SYMBOL: return "not a deflate stream";
    case ISAL_INVALID_LOOKBACK: return "a distance reaches before the start";
    case ISAL_INVALID_WRAPPER: return "bad member header";
    case ISAL_UNSUPPORTED_METHOD: return "compression method is not deflate";
    case ISAL_INCORRECT_CHECKSUM: return "checksum does not match";
    default: return "cannot be inflated";
  }
}

}  // namespace

struct GzipReader::Stream {
  inflate_state state;
};

GzipReader::GzipReader(std::span<const std::byte> file) : rest_(file), stream_(std::make_unique<Stream>()) {
  stream_->state.avail_in = 0;
  inside_member_ = start_member();
}

GzipReader::~GzipReader() = default;

bool GzipReader::is_gzip(std::span<const std::byte> file) {
  return file.size() >= 2 && file[0] == std::byte{0x1f} && file[1] == std::byte{0x8b};
}

bool GzipReader::start_member() {
  inflate_state& state = stream_->state;
  rest_ = {rest_.data() - state.avail_in, rest_.size() + state.avail_in};
  state.avail_in = 0;
  if (!is_gzip(rest_)) return false;
  isal_inflate_init(&state);
  state.crc_flag = ISAL_GZIP;
  state.avail_in = 0;
  return true;
}

void GzipReader::feed() {
  inflate_state& state = stream_->state;
  if (state.avail_in != 0 || rest_.empty()) return;
  const std::size_t piece = std::min(rest_.size(), max_piece);
  // igzip's interface is older than const; it does not write to its input.
  state.next_in = reinterpret_cast<std::uint8_t*>(const_cast<std::byte*>(rest_.data()));
  state.avail_in = static_cast<std::uint32_t>(piece);
  rest_ = rest_.subspan(piece);
}

std::size_t GzipReader::read(std::span<std::byte> out) {
  inflate_state& state = stream_->state;
  std::size_t written = 0;
  while (written < out.size() && inside_member_) {
    feed();
    const std::uint32_t input = state.avail_in;
    const auto room = static_cast<std::uint32_t>(std::min(out.size() - written, max_piece));
    state.next_out = reinterpret_cast<std::uint8_t*>(out.data() + written);
    state.avail_out = room;
    const int result = isal_inflate(&state);
    if (result < 0) fail(Code::invalid_argument, "gzip: ", reason(result));
    written += room - state.avail_out;
    if (state.block_state == ISAL_BLOCK_FINISH)
      inside_member_ = start_member();
    else if (state.avail_out == room && state.avail_in == input)
      break;  // all input is used up, and this is not the end of a member
  }
  return written;
}

void GzipReader::finish(std::int64_t limit) {
  std::array<std::byte, 4096> discarded;
  for (std::int64_t left = limit; inside_member_;) {
    const std::size_t count = read(discarded);
    left -= static_cast<std::int64_t>(count);
    if (left < 0) fail(Code::invalid_argument, "gzip: more than ", limit, " bytes follow the last voxel");
    if (count == 0 && inside_member_) fail(Code::invalid_argument, "gzip: the file is cut short");
  }
  const auto is_padding = [](std::byte b) { return b == std::byte{0}; };
  if (!std::all_of(rest_.begin(), rest_.end(), is_padding))
    fail(Code::invalid_argument, "gzip: ", rest_.size(), " bytes that are not gzip follow the compressed data");
}

}  // namespace voxd
