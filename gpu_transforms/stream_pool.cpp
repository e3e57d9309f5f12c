#include "gpu_transforms/stream_pool.h"

#include <utility>

#include "gpu_transforms/volume/error.h"

namespace voxd {

StreamPool::StreamPool(int count, const std::function<std::unique_ptr<Stream>()>& make) {
  if (count < 1) fail(Code::invalid_argument, "streams: ", count, ", at least 1");
  idle_.reserve(static_cast<std::size_t>(count));  // so that giving back never allocates
  for (int i = 0; i < count; ++i) idle_.push_back(make());
}

StreamPool::Lease StreamPool::lease(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  if (!returned_.wait(lock, stop, [this] { return !idle_.empty(); }))
    fail(Code::cancelled, "stream: given up while waiting for a free one");
  std::unique_ptr<Stream> stream = std::move(idle_.back());
  idle_.pop_back();
  return Lease(*this, std::move(stream));
}

int StreamPool::idle() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(idle_.size());
}

void StreamPool::give_back(std::unique_ptr<Stream> stream) noexcept {
  try {
    stream->synchronize();
  } catch (...) {
    // The holder gave the lease up without asking how its work went; the next one must not meet that failure.
  }
  const std::lock_guard lock(mutex_);
  idle_.push_back(std::move(stream));
  returned_.notify_one();
}

StreamPool::Lease::~Lease() {
  if (stream_) pool_->give_back(std::move(stream_));
}

}  // namespace voxd
