#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <span>

#include "gpu_transforms/volume/error.h"

namespace voxd {

/// Reads numbers one after the other from borrowed bytes, in the file's byte order. The one place where a header's
/// bounds are checked: reading past the end throws Error{invalid_argument} and leaves the cursor where it was. Used by
/// one thread.
class ByteCursor {
 public:
  ByteCursor(std::span<const std::byte> bytes, bool swapped, const char* what)
      : bytes_(bytes), swapped_(swapped), what_(what) {}

  void seek(std::size_t offset) {
    if (offset > bytes_.size()) fail_short(offset);
    at_ = offset;
  }

  template <class T>
  T read() {
    if (bytes_.size() - at_ < sizeof(T)) fail_short(at_ + sizeof(T));
    std::array<std::byte, sizeof(T)> raw;
    std::memcpy(raw.data(), bytes_.data() + at_, sizeof(T));
    if (swapped_) std::reverse(raw.begin(), raw.end());
    at_ += sizeof(T);
    T value;
    std::memcpy(&value, raw.data(), sizeof(T));
    return value;
  }

 private:
  [[noreturn]] void fail_short(std::size_t needed) const {
    fail(Code::invalid_argument, what_, ": cut short, ", bytes_.size(), " bytes of at least ", needed);
  }

  std::span<const std::byte> bytes_;
  bool swapped_;
  const char* what_;
  std::size_t at_ = 0;
};

}  // namespace voxd
