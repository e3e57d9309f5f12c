#include "gpu_transforms/stream.h"

#include <exception>
#include <utility>

#include "gpu_transforms/cpu_stream.h"

namespace voxd {

std::string_view name_of(Backend backend) {
  switch (backend) {
    case Backend::serial: return "serial";
    case Backend::tbb: return "tbb";
    case Backend::own_threads: return "own_threads";
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

/// Runs work inside enqueue(). One thread at a time.
class ImmediateStream : public CpuStream {
 public:
  ImmediateStream(Backend backend, int threads) : CpuStream(backend, threads) {}

  void enqueue(std::function<void()> work) override {
    try {
      work();
    } catch (...) {
      if (!failure_) failure_ = std::current_exception();
    }
  }

  std::shared_ptr<Event> record() override { return std::make_shared<PassedEvent>(); }

  void wait(const Event& event) override { event.synchronize(); }

  void synchronize() override {
    if (std::exception_ptr failure = std::exchange(failure_, nullptr)) std::rethrow_exception(failure);
  }

 private:
  std::exception_ptr failure_;
};

}  // namespace

std::unique_ptr<Stream> make_cpu_stream(Backend backend, int threads) {
  return std::make_unique<ImmediateStream>(backend, threads);
}

}  // namespace voxd
