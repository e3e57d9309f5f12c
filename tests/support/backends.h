#pragma once

#include <algorithm>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gpu_transforms/device_volume.h"
#include "gpu_transforms/simt.h"
#include "tests/support/catch.h"

namespace voxd::test {

/// A stream with a pool that poisons what is fresh or freed, and one job's workspace on it.
class Bench {
 public:
  Bench(std::string name, std::unique_ptr<Stream> stream)
      : name_(std::move(name)),
        stream_(std::move(stream)),
        pool_(stream_->is_cuda() ? cuda_async_allocator() : cpu_allocator(), {.limit_bytes = 0, .poison = true}),
        workspace_(*stream_, pool_) {}

  const std::string& name() const { return name_; }
  Workspace& workspace() { return workspace_; }
  Stream& stream() { return *stream_; }

 private:
  std::string name_;
  std::unique_ptr<Stream> stream_;
  MemoryPool pool_;
  Workspace workspace_;
};

/// Runs a test on every CPU backend: at once; deferred, where nothing happens before somebody waits, so that a result
/// read too early, or memory reused too early, shows; and with lanes as CUDA has them.
inline void on_every_cpu_backend(const std::function<void(Bench&)>& test) {
  const Backend parallel = default_cpu_backend();
  std::vector<std::unique_ptr<Bench>> benches;
  benches.push_back(std::make_unique<Bench>("serial", make_cpu_stream(Backend::serial)));
  benches.push_back(std::make_unique<Bench>(std::string(name_of(parallel)), make_cpu_stream(parallel, 3)));
  benches.push_back(std::make_unique<Bench>("serial, deferred", make_deferred_stream(Backend::serial)));
  benches.push_back(
      std::make_unique<Bench>(std::string(name_of(parallel)) + ", deferred", make_deferred_stream(parallel)));
  if (has_simt()) benches.push_back(std::make_unique<Bench>("simt", make_simt_stream({.lanes = 3})));
  for (const auto& bench : benches) {
    INFO("backend " << bench->name());
    test(*bench);
  }
}

/// The same, and on CUDA where there is a device.
inline void on_every_backend(const std::function<void(Bench&)>& test) {
  on_every_cpu_backend(test);
  if (cuda_device_count() == 0) return;
  INFO("backend cuda");
  Bench bench("cuda", make_cuda_stream(0));
  test(bench);
}

/// Runs `transform` on the volume on every backend and gives each result to `check`, in host memory.
inline void on_every_backend(const HostVolume& input,
                             const std::function<DeviceVolume(const DeviceVolume&, Workspace&)>& transform,
                             const std::function<void(const HostVolume&)>& check) {
  on_every_backend([&](Bench& bench) {
    HostVolume result;
    {
      // Everything the transform took is given back before anything has run, where the stream is deferred.
      const DeviceVolume output = transform(upload(input, bench.workspace()), bench.workspace());
      result = download(output, bench.workspace());
    }
    bench.stream().synchronize();
    check(result);
    REQUIRE(bench.workspace().bytes_in_use() == 0);
  });
}

/// What `transform` makes of the volume, which must be the same bytes on every backend.
inline HostVolume result_on_every_backend(
    const HostVolume& input, const std::function<DeviceVolume(const DeviceVolume&, Workspace&)>& transform) {
  HostVolume first;
  bool any = false;
  on_every_backend(input, transform, [&](const HostVolume& result) {
    if (!std::exchange(any, true)) {
      first = make_host_volume(result.dtype, result.channels, result.geometry);
      std::copy(result.voxels.bytes().begin(), result.voxels.bytes().end(), first.voxels.data());
    }
    REQUIRE(result.dtype == first.dtype);
    REQUIRE(result.channels == first.channels);
    REQUIRE(result.geometry == first.geometry);
    REQUIRE(std::equal(result.voxels.bytes().begin(), result.voxels.bytes().end(), first.voxels.bytes().begin()));
  });
  return first;
}

/// For a test that needs the backend simt: says so, in the form that scripts/test counts, where the build has none.
inline bool skipped_without_simt() {
  if (has_simt()) return false;
  std::cout << "SKIPPED: " << Catch::getResultCapture().getCurrentTestName() << ": this build has no simt backend\n";
  return true;
}

/// The most memory that `transform` holds at once, beside its input, on a serial stream.
inline std::int64_t peak_bytes_of(const HostVolume& input,
                                  const std::function<DeviceVolume(const DeviceVolume&, Workspace&)>& transform) {
  Bench bench("serial", make_cpu_stream(Backend::serial));
  const DeviceVolume volume = upload(input, bench.workspace());
  bench.workspace().reset_peak();
  transform(volume, bench.workspace());
  return bench.workspace().peak_bytes() - static_cast<std::int64_t>(volume.bytes());
}

}  // namespace voxd::test
