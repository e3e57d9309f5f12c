#pragma once

#include <cstdint>
#include <fstream>
#include <span>
#include <string>

#include "client/segmentation_client.h"

namespace voxd {

/// Size of the part in bytes. Throws Error{not_found} when its file is not there and Error{invalid_argument} when it is
/// no regular file or cannot be looked at.
std::uint64_t byte_size(const ImagePart& part);

/// Reads one part from its start to its end. Used by one thread.
class PartReader {
 public:
  /// Throws Error{invalid_argument} when the file cannot be opened. `size` is what byte_size() said: the server was
  /// told so.
  PartReader(const ImagePart& part, std::uint64_t size);

  std::uint64_t offset() const { return offset_; }
  std::uint64_t left() const { return size_ - offset_; }
  /// Fills `out`, which is at most left() bytes. Throws Error{data_loss} when the file ends before.
  void read(std::span<char> out);

 private:
  std::string name_;
  std::ifstream file_;  // one of these two is the source
  std::span<const std::byte> memory_;
  std::uint64_t size_;
  std::uint64_t offset_ = 0;
};

}  // namespace voxd
