#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace voxd {

class SegmentationClient;

/// Memory that this process and a server on the same machine (`--shm system`) share, so that a volume and its results
/// cross no connection. Registered under a name of its own for as long as this lives; the client must outlive it.
/// bytes() may be used by any thread, by none while a call that names them runs.
class SharedMemoryBlock {
 public:
  /// Throws Error{resource_exhausted} when there is no such memory, and what the server says.
  SharedMemoryBlock(SegmentationClient& client, std::size_t size);
  ~SharedMemoryBlock();
  SharedMemoryBlock(const SharedMemoryBlock&) = delete;
  SharedMemoryBlock& operator=(const SharedMemoryBlock&) = delete;

  std::span<std::byte> bytes() const;
  /// Under which the server knows it.
  const std::string& name() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace voxd
