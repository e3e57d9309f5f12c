#pragma once

#include <exception>

#include "gpu_transforms/cpu_stream.h"

namespace voxd {

/// Runs work inside enqueue(). One thread at a time.
class ImmediateStream : public CpuStream {
 public:
  ImmediateStream(Backend backend, int threads) : CpuStream(backend, threads) {}

  void enqueue(std::function<void()> work) override;
  std::shared_ptr<Event> record() override;
  void wait(const Event& event) override { event.synchronize(); }
  void synchronize() override;

 private:
  std::exception_ptr failure_;
};

}  // namespace voxd
