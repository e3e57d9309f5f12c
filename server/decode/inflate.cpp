#include "server/decode/inflate.h"

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "gpu_transforms/volume/error.h"

namespace voxd {

std::vector<std::byte> inflate_raw(std::span<const std::byte> deflated, std::int64_t most) {
  constexpr std::size_t first_bytes = std::size_t{1} << 20;
  // igzip counts bytes in 32 bits.
  if (deflated.size() > std::numeric_limits<std::uint32_t>::max())
    fail(Code::invalid_argument, "deflate: ", deflated.size(), " bytes, at most 4 GiB");
  const auto state = std::make_unique<inflate_state>();
  isal_inflate_init(state.get());
  state->crc_flag = ISAL_DEFLATE;
  // igzip's interface is older than const; it does not write to its input.
  state->next_in = reinterpret_cast<std::uint8_t*>(const_cast<std::byte*>(deflated.data()));
  state->avail_in = static_cast<std::uint32_t>(deflated.size());
  std::vector<std::byte> out;
  std::size_t written = 0;
  while (state->block_state != ISAL_BLOCK_FINISH && written < static_cast<std::size_t>(most)) {
    const std::size_t piece = std::max(first_bytes, written / 2);
    out.resize(std::min({written + piece, static_cast<std::size_t>(most), written + (std::size_t{1} << 30)}));
    state->next_out = reinterpret_cast<std::uint8_t*>(out.data() + written);
    const auto room = static_cast<std::uint32_t>(out.size() - written);
    state->avail_out = room;
    if (isal_inflate(state.get()) < 0) fail(Code::invalid_argument, "deflate: not a deflate stream");
    written += room - state->avail_out;
    if (state->avail_out == room && state->block_state != ISAL_BLOCK_FINISH)
      fail(Code::invalid_argument, "deflate: cut short");
  }
  out.resize(written);
  return out;
}

}  // namespace voxd
