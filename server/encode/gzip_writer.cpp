#include "server/encode/gzip_writer.h"

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <cstdint>
#include <memory>

#include "gpu_transforms/volume/error.h"

namespace voxd {
namespace {

constexpr std::size_t max_input_piece = std::size_t{1} << 30;  // igzip counts bytes in 32 bits
constexpr std::size_t output_piece = std::size_t{1} << 18;

}  // namespace

std::vector<std::byte> gzip_fast(std::span<const std::byte> bytes, const std::function<void()>& check) {
  const auto stream = std::make_unique<isal_zstream>();
  std::vector<std::uint8_t> level_buffer(ISAL_DEF_LVL1_DEFAULT);
  isal_deflate_init(stream.get());
  stream->level = 1;
  stream->level_buf = level_buffer.data();
  stream->level_buf_size = ISAL_DEF_LVL1_DEFAULT;
  stream->gzip_flag = IGZIP_GZIP;
  stream->avail_in = 0;

  std::vector<std::byte> file;
  while (stream->internal_state.state != ZSTATE_END) {
    if (check) check();
    if (stream->avail_in == 0 && !stream->end_of_stream) {
      const std::size_t piece = std::min(bytes.size(), max_input_piece);
      // igzip's interface is older than const; it does not write to its input.
      stream->next_in = reinterpret_cast<std::uint8_t*>(const_cast<std::byte*>(bytes.data()));
      stream->avail_in = static_cast<std::uint32_t>(piece);
      bytes = bytes.subspan(piece);
      stream->end_of_stream = bytes.empty();
    }
    const std::size_t written = file.size();
    file.resize(written + output_piece);
    stream->next_out = reinterpret_cast<std::uint8_t*>(file.data() + written);
    stream->avail_out = output_piece;
    const int result = isal_deflate(stream.get());
    if (result != COMP_OK) fail(Code::internal, "igzip: isal_deflate returned ", result);
    file.resize(file.size() - stream->avail_out);
  }
  return file;
}

}  // namespace voxd
