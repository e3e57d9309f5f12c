#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <vector>

#include "gpu_transforms/stream.h"

namespace voxd {

/// A fixed set of streams of one device, leased exclusively: while a lease lives nobody else gets its stream.
/// Safe from any thread. Must outlive its leases.
class StreamPool {
 public:
  /// Gives its stream back when it dies, after synchronizing it, so that the next holder starts on an idle stream.
  class Lease {
   public:
    Lease(Lease&&) noexcept = default;
    ~Lease();
    Stream& operator*() const { return *stream_; }
    Stream* operator->() const { return stream_.get(); }

   private:
    friend class StreamPool;
    Lease(StreamPool& pool, std::unique_ptr<Stream> stream) : pool_(&pool), stream_(std::move(stream)) {}
    StreamPool* pool_;
    std::unique_ptr<Stream> stream_;
  };

  /// `make` is called `count` times, now.
  StreamPool(int count, const std::function<std::unique_ptr<Stream>()>& make);

  /// Waits for a free stream. Throws Error{cancelled} when `stop` is requested first.
  Lease lease(std::stop_token stop = {});
  int idle() const;

 private:
  void give_back(std::unique_ptr<Stream> stream) noexcept;

  mutable std::mutex mutex_;
  std::condition_variable_any returned_;
  std::vector<std::unique_ptr<Stream>> idle_;  // guarded by mutex_
};

}  // namespace voxd
