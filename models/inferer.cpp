#include "models/inferer.h"

#include <algorithm>
#include <utility>

#include "gpu_transforms/windows.h"
#include "models/steps/step_params.h"

namespace voxd {
namespace {

/// The network sees the image as it is.
class SimpleInferer final : public Inferer {
 public:
  DeviceVolume run(const Network& network, const DeviceVolume& image, JobContext& context) const override {
    return network.forward(image, context);
  }

  PlannedVolume plan(const Network& network, const PlannedVolume& image, MemoryPlan& plan) const override {
    PlannedVolume output(DType::f32, network.output_channels(), image.geometry(), plan);
    // The output is part of what the network says that it needs.
    plan.scratch(std::max<std::int64_t>(0, network.peak_bytes(image.channels, image.size) - output.bytes()));
    return output;
  }
};

/// Keeps the host at most one run of the network ahead of the device, so that a job which nobody wants any more ends
/// soon, and its progress is true.
class OneAhead {
 public:
  explicit OneAhead(Stream& stream) : stream_(stream) {}
  void before_next() {
    if (latest_) latest_->synchronize();
    latest_ = stream_.record();
  }

 private:
  Stream& stream_;
  std::shared_ptr<Event> latest_;
};

std::int64_t float_bytes(std::int64_t channels, const Int3& size) {
  return checked_product({channels, size[0], size[1], size[2], sizeof(float)}, "memory plan");
}

class SlidingWindowInferer final : public Inferer {
 public:
  explicit SlidingWindowInferer(SlidingWindows windows) : params_(std::move(windows)) {}

  DeviceVolume run(const Network& network, const DeviceVolume& image, JobContext& context) const override {
    const std::int64_t total = window_grid(image.size(), params_).count();
    std::int64_t done = 0;
    OneAhead pace(context.stream());
    const auto predict = [&](const DeviceVolume& windows, std::int32_t count) {
      pace.before_next();
      context.check();
      DeviceVolume prediction = network.forward_batch(windows, count, context);
      done += count;
      context.report(Stage::network, static_cast<double>(done) / static_cast<double>(total + 1));
      return prediction;
    };
    return blend_windows(image, params_, predict, context.workspace);
  }

  PlannedVolume plan(const Network& network, const PlannedVolume& image, MemoryPlan& plan) const override {
    PlannedVolume output(DType::f32, network.output_channels(), image.geometry(), plan);
    plan.scratch(std::max<std::int64_t>(0, bytes_for(network, image.channels, image.size) - output.bytes()));
    return output;
  }

  std::optional<Int3> input_size() const override {
    const std::vector<int>& roi = params_.roi_size;
    if (*std::min_element(roi.begin(), roi.end()) < 1) return std::nullopt;
    return roi.size() == 1 ? Int3{roi[0], roi[0], roi[0]} : Int3{roi[0], roi[1], roi[2]};
  }
  std::int32_t batch() const override { return params_.sw_batch_size; }

 private:
  /// With the output.
  std::int64_t bytes_for(const Network& network, std::int32_t channels, const Int3& size) const {
    SlidingWindows params = params_;
    params.padding = {};  // Whether such an image can be padded is found out when there is one.
    const WindowGrid grid = window_grid(size, params);
    const Int3 padded = grid.padded().size();
    const std::int64_t batch = std::min<std::int64_t>(params_.sw_batch_size, grid.count());
    const std::int64_t predicting = float_bytes(batch * channels, grid.roi()) +
                                    checked_product({batch, network.peak_bytes(channels, grid.roi())}, "memory plan");
    std::int64_t bytes = float_bytes(network.output_channels(), padded);
    if (params_.mode == WindowMode::gaussian) bytes += importance_map_bytes(grid.roi());
    if (!grid.is_padded()) return checked_sum(bytes, predicting, "memory plan");
    bytes = checked_sum(bytes, float_bytes(channels, padded), "memory plan");
    return checked_sum(bytes, std::max(predicting, float_bytes(network.output_channels(), size)), "memory plan");
  }

  /// With the three axes that it is made from.
  static std::int64_t importance_map_bytes(const Int3& roi) {
    return float_bytes(1, roi) + 4 * (std::int64_t{roi[0]} + roi[1] + roi[2]);
  }

  const SlidingWindows params_;
};

}  // namespace

std::unique_ptr<const Inferer> read_inferer(const Config& config) {
  if (!config.raw("inferer")) return std::make_unique<SimpleInferer>();
  const ConfigValue value = config.resolve("inferer");
  const auto* component = value.as<ComponentRef>();
  if (!component) fail(Code::unimplemented, config.where("inferer"), ": expected a component, found ", to_text(value));
  Params params(config, component->id);
  std::unique_ptr<const Inferer> inferer;
  if (params.target() == "SimpleInferer") inferer = std::make_unique<SimpleInferer>();
  // MONAI's adaptive one only looks for memory in other places when there is none left.
  else if (params.target() == "SlidingWindowInferer" || params.target() == "SlidingWindowInfererAdapt")
    inferer = std::make_unique<SlidingWindowInferer>(read_params<SlidingWindows>(params));
  else
    params.refuse(Code::unimplemented, "_target_",
                  "the inferer '" + params.target() +
                      "' is not supported, only SimpleInferer, SlidingWindowInferer and SlidingWindowInfererAdapt");
  params.finish();
  return inferer;
}

}  // namespace voxd
