#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

namespace voxd {

/// The body of an HTTP/1.1 request as it comes over the connection: so many bytes, or chunks until an empty one. Reads
/// no byte beyond its end. Used by one thread at a time.
class HttpBody {
 public:
  /// Puts what has come into the span, one byte at least, and says how many. Throws if nothing more comes.
  using Receive = std::function<std::size_t(std::span<std::byte>)>;
  static constexpr std::size_t max_line = 256;   ///< characters of a chunk's size or of a trailer
  static constexpr int max_trailers = 32;        ///< lines after the last chunk
  static constexpr std::size_t max_digits = 15;  ///< of a chunk's size
  static constexpr std::size_t max_length = 18;  ///< digits of a Content-Length

  /// An empty one.
  HttpBody() : length_(0) {}
  HttpBody(std::int64_t length, Receive receive) : receive_(std::move(receive)), length_(length), left_(length) {}
  /// In chunks.
  explicit HttpBody(Receive receive) : receive_(std::move(receive)), in_chunks_(true) {}

  /// Empty where the body comes in chunks.
  std::optional<std::int64_t> length() const { return length_; }
  /// Fills the target; returns how much of it, which is less only where the body ends. Throws
  /// Error{invalid_argument} for chunks that are none.
  std::size_t read(std::span<std::byte> target);
  /// Everything has been read. Of a body in chunks known only once a read() has met the end.
  bool ended() const { return in_chunks_ ? last_chunk_ : left_ == 0; }

 private:
  void next_chunk();
  void expect_line_end();
  std::string read_line();

  Receive receive_;
  std::optional<std::int64_t> length_;
  bool in_chunks_ = false;
  bool in_first_ = true;     // no chunk has begun yet
  bool last_chunk_ = false;  // the empty chunk and what follows it has been read
  std::int64_t left_ = 0;    // of the body, or of the chunk
};

/// How a request's headers say that its body comes: `lengths` and `encodings` are how often Content-Length and
/// Transfer-Encoding stand there, `length` and `encoding` their first values. Throws Error{invalid_argument} for what
/// is ambiguous or no number, Error{unimplemented} for encodings other than chunked.
HttpBody http_body_of(std::size_t lengths, const std::string& length, std::size_t encodings,
                      const std::string& encoding, HttpBody::Receive receive);

}  // namespace voxd
