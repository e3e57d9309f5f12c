#pragma once

#include <algorithm>

#include "tests/models/fixtures.h"

namespace voxd::test {

/// Stands in for a network of so many classes: of the input's first channel, class c scores a parabola of its own with
/// its top at (c + 0.5) / classes of the range low..high, above 0 near there, so that each value has one best class and
/// neighbours in value are neighbours in class. Its memory is the workspace's. Runs on the stream.
class ScoresNetwork : public Network {
 public:
  ScoresNetwork(std::int32_t classes, float low, float high) : classes_(classes), low_(low), high_(high) {}

  DeviceVolume forward_batch(const DeviceVolume& inputs, std::int32_t batch, JobContext& context) const override {
    DeviceVolume output(DType::f32, classes_ * batch, inputs.geometry(), context.workspace);
    const float* in = inputs.data<float>();
    float* out = output.mutable_data<float>();
    const std::int64_t voxels = inputs.geometry().voxels(), step = inputs.channels() / batch * voxels;
    context.stream().enqueue([=, classes = classes_, low = low_, high = high_] {
      for (std::int32_t n = 0; n < batch; ++n)
        for (std::int32_t c = 0; c < classes; ++c) {
          const float top = low + (high - low) * (static_cast<float>(c) + 0.5f) / static_cast<float>(classes);
          const float width = (high - low) / static_cast<float>(classes);
          float* to = out + (std::int64_t{n} * classes + c) * voxels;
          for (std::int64_t i = 0; i < voxels; ++i) {
            const float away = (in[n * step + i] - top) / width;
            to[i] = 3 - 4 * away * away;
          }
        }
    });
    return output;
  }
  std::int64_t peak_bytes(std::int32_t, const Int3& size) const override {
    return std::int64_t{classes_} * 4 * size[0] * size[1] * size[2];
  }
  std::int32_t output_channels() const override { return classes_; }

 private:
  const std::int32_t classes_;
  const float low_, high_;
};

}  // namespace voxd::test
