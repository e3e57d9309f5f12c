#include "gpu_transforms/stream.h"

#include <utility>

#include "gpu_transforms/immediate_stream.h"

namespace voxd {

std::string_view name_of(Backend backend) {
  switch (backend) {
    case Backend::serial: return "serial";
    case Backend::tbb: return "tbb";
    case Backend::own_threads: return "own_threads";
    case Backend::simt: return "simt";
    case Backend::cuda: return "cuda";
  }
  return "?";
}

Backend default_cpu_backend() {
#ifdef VOXD_OWN_THREADS
  return Backend::own_threads;
#else
  return Backend::tbb;
#endif
}

namespace {

/// On a stream that runs work as it comes, the point has been passed before anybody holds the event.
class PassedEvent : public Event {
 public:
  void synchronize() const override {}
  bool passed() const override { return true; }
};

}  // namespace

void ImmediateStream::enqueue(std::function<void()> work) {
  try {
    work();
  } catch (...) {
    if (!failure_) failure_ = std::current_exception();
  }
}

std::shared_ptr<Event> ImmediateStream::record() { return std::make_shared<PassedEvent>(); }

void ImmediateStream::synchronize() {
  if (std::exception_ptr failure = std::exchange(failure_, nullptr)) std::rethrow_exception(failure);
}

std::unique_ptr<Stream> make_cpu_stream(Backend backend, int threads) {
  return std::make_unique<ImmediateStream>(backend, threads);
}

}  // namespace voxd
