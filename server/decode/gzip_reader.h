#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace voxd {

/// Inflates a gzip file that lies in memory, as far as it is asked to; all members of the file are read as one stream
/// and each member's checksum is verified. Borrows the file's bytes. Used by one thread at a time.
class GzipReader {
 public:
  explicit GzipReader(std::span<const std::byte> file);
  ~GzipReader();
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  static bool is_gzip(std::span<const std::byte> file);

  /// No deflate stream is longer than this times its compressed size: it codes at most 258 bytes in 2 bits.
  static constexpr std::int64_t max_ratio = 1032;

  /// Fills `out` as far as the stream goes and returns how many bytes that were. Fewer than asked for means that the
  /// file is at its end, whole or cut short. Throws Error{invalid_argument} if the stream is corrupt.
  std::size_t read(std::span<std::byte> out);

  /// Reads to the end of the file. Throws Error{invalid_argument} if it is cut short or corrupt, if more than `limit`
  /// inflated bytes are left, or if something other than zero bytes follows the last member.
  void finish(std::int64_t limit);

 private:
  struct Stream;

  bool start_member();
  void feed();

  std::span<const std::byte> rest_;  // not yet handed to the inflater
  std::unique_ptr<Stream> stream_;
  bool inside_member_ = false;
};

}  // namespace voxd
