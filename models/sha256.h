#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace voxd {

/// A SHA-256 sum of bytes that come piece by piece. Used by one thread at a time.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256& add(std::span<const std::byte> bytes);
  /// 64 lower-case hex digits. Once.
  std::string hex();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

/// The sum of a file. Throws Error{not_found} if it cannot be read.
std::string sha256_of(const std::filesystem::path& file);

}  // namespace voxd
