#include "server/http_body.h"

#include <algorithm>
#include <charconv>

#include "gpu_transforms/volume/error.h"
#include "server/printable.h"

namespace voxd {

std::size_t HttpBody::read(std::span<std::byte> target) {
  std::size_t filled = 0;
  while (filled < target.size() && !ended()) {
    if (in_chunks_ && left_ == 0) {
      next_chunk();
      continue;
    }
    const auto most = std::min<std::uint64_t>(target.size() - filled, static_cast<std::uint64_t>(left_));
    const std::size_t came = receive_(target.subspan(filled, static_cast<std::size_t>(most)));
    filled += came;
    left_ -= static_cast<std::int64_t>(came);
  }
  return filled;
}

// A size in hexadecimal digits, perhaps with extensions after a semicolon, which say nothing to us.
void HttpBody::next_chunk() {
  if (!std::exchange(in_first_, false)) expect_line_end();
  const std::string line = read_line();
  const std::size_t digits = std::min(line.find_first_not_of("0123456789abcdefABCDEF"), line.size());
  if (digits == 0 || digits > max_digits || (digits < line.size() && line[digits] != ';' && line[digits] != ' '))
    fail(Code::invalid_argument, "body: '", printable(line), "' is not the size of a chunk");
  std::from_chars(line.data(), line.data() + digits, left_, 16);
  if (left_ > 0) return;
  for (int trailers = 0; !read_line().empty(); ++trailers)
    if (trailers == max_trailers) fail(Code::invalid_argument, "body: more than ", max_trailers, " trailers");
  last_chunk_ = true;
}

void HttpBody::expect_line_end() {
  if (!read_line().empty()) fail(Code::invalid_argument, "body: a chunk is longer than its size says");
}

std::string HttpBody::read_line() {
  std::string line;
  for (;;) {
    char c = 0;
    receive_(std::as_writable_bytes(std::span(&c, 1)));
    if (c == '\n' && line.ends_with('\r')) break;
    line += c;
    if (line.size() > max_line) fail(Code::invalid_argument, "body: a chunk's head is longer than ", max_line);
  }
  line.pop_back();
  return line;
}

HttpBody http_body_of(std::size_t lengths, const std::string& length, std::size_t encodings,
                      const std::string& encoding, HttpBody::Receive receive) {
  if (lengths + encodings > 1)
    fail(Code::invalid_argument, "headers: Content-Length and Transfer-Encoding say more than one thing of the body");
  if (encodings == 1) {
    if (encoding != "chunked")
      fail(Code::unimplemented, "Transfer-Encoding: '", printable(encoding), "' is not taken, only 'chunked'");
    return HttpBody(std::move(receive));
  }
  if (lengths == 0) return {};
  std::int64_t bytes = -1;
  const char* const end = length.data() + length.size();
  if (length.empty() || length.size() > HttpBody::max_length || length[0] == '-' ||
      std::from_chars(length.data(), end, bytes).ptr != end)
    fail(Code::invalid_argument, "Content-Length: '", printable(length), "' is not a number of bytes");
  return {bytes, std::move(receive)};
}

}  // namespace voxd
