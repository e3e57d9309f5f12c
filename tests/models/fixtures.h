#pragma once

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

#include "gpu_transforms/job_context.h"
#include "models/pipeline.h"
#include "tests/support/temporary_folder.h"

namespace voxd::test {

/// A stream with memory and a context: what a worker would lend to one job.
struct Rig {
  explicit Rig(std::unique_ptr<Stream> own_stream = make_cpu_stream(), std::int64_t budget = 0, bool poison = false)
      : pool(cpu_allocator(), {0, poison}), stream(std::move(own_stream)), workspace(*stream, pool, budget) {}

  MemoryPool pool;
  std::unique_ptr<Stream> stream;
  Workspace workspace;
  JobContext context{workspace, std::nullopt, CancelToken{}, {}};
};

/// Stands in for a trained network: channel 0 is `threshold`, channel 1 the input's first, so that argmax is "input >
/// threshold". Its memory is the workspace's. Runs on the stream, deferred or not.
class ThresholdNetwork : public Network {
 public:
  explicit ThresholdNetwork(float threshold) : threshold_(threshold) {}

  DeviceVolume forward_batch(const DeviceVolume& inputs, std::int32_t batch, JobContext& context) const override {
    ++calls;
    if (during_forward) during_forward();
    DeviceVolume output(DType::f32, 2 * batch, inputs.geometry(), context.workspace);
    const float* in = inputs.data<float>();
    float* out = output.mutable_data<float>();
    const std::int64_t voxels = inputs.geometry().voxels(), step = inputs.channels() / batch * voxels;
    const float threshold = threshold_;
    context.stream().enqueue([=] {
      for (std::int32_t n = 0; n < batch; ++n)
        for (std::int64_t i = 0; i < voxels; ++i) {
          out[2 * n * voxels + i] = threshold;
          out[(2 * n + 1) * voxels + i] = in[n * step + i];
        }
    });
    return output;
  }
  std::int64_t peak_bytes(std::int32_t, const Int3& size) const override {
    return std::int64_t{2} * 4 * size[0] * size[1] * size[2];
  }
  std::int32_t output_channels() const override { return 2; }

  mutable std::atomic<int> calls{0};
  std::function<void()> during_forward;

 private:
  const float threshold_;
};

inline void write_file(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

/// A volume whose voxel (x,y,z) is f(x,y,z).
template <class T, class F>
HostVolume volume_of(const Int3& size, F f, const Affine& affine = identity_affine()) {
  HostVolume volume = make_host_volume(dtype_of<T>, 1, {size, affine});
  auto voxels = volume.as<T>();
  std::size_t at = 0;
  for (int x = 0; x < size[0]; ++x)
    for (int y = 0; y < size[1]; ++y)
      for (int z = 0; z < size[2]; ++z) voxels[at++] = static_cast<T>(f(x, y, z));
  return volume;
}

/// A vector of one: volumes are move-only.
inline std::vector<HostVolume> images_of(HostVolume volume) {
  std::vector<HostVolume> images;
  images.push_back(std::move(volume));
  return images;
}

/// The message that `act` fails with; empty when it does not fail.
template <class F>
std::string message_of(F act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

/// The code that `act` fails with, as a name; "none" when it does not fail.
template <class F>
std::string code_of(F act) {
  try {
    act();
  } catch (const Error& error) {
    switch (error.code()) {
      case Code::invalid_argument: return "invalid_argument";
      case Code::not_found: return "not_found";
      case Code::unimplemented: return "unimplemented";
      case Code::unavailable: return "unavailable";
      case Code::failed_precondition: return "failed_precondition";
      case Code::cancelled: return "cancelled";
      case Code::deadline_exceeded: return "deadline_exceeded";
      case Code::resource_exhausted: return "resource_exhausted";
      default: return "another";
    }
  }
  return "none";
}

}  // namespace voxd::test
