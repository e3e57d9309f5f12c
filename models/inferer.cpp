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
  explicit SlidingWindowInferer(SlidingWindows windows, bool labels = false)
      : params_(std::move(windows)), labels_(labels) {}

  DeviceVolume run(const Network& network, const DeviceVolume& image, JobContext& context) const override {
    SlidingWindows params = params_;
    if (context.most_windows > 0) params.sw_batch_size = std::min(params.sw_batch_size, context.most_windows);
    const std::int64_t total = window_grid(image.size(), params).count();
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
    return labels_ ? label_windows(image, params, predict, context.workspace)
                   : blend_windows(image, params, predict, context.workspace);
  }

  PlannedVolume plan(const Network& network, const PlannedVolume& image, MemoryPlan& plan) const override {
    const std::int32_t classes = network.output_channels();
    const DType label = classes > 256 ? DType::u16 : DType::u8;
    PlannedVolume output(labels_ ? label : DType::f32, labels_ ? 1 : classes, image.geometry(), plan);
    const Need need = need_of(network, image.channels, image.size);
    const std::int64_t all = labels_ ? label_bytes(need, classes, output) : score_bytes(need, classes, image.size);
    plan.scratch(std::max<std::int64_t>(0, all - output.bytes()));
    return output;
  }

  std::unique_ptr<const Inferer> labelling() const override {
    return std::make_unique<SlidingWindowInferer>(params_, true);
  }

  std::optional<Int3> input_size() const override {
    const std::vector<int>& roi = params_.roi_size;
    if (*std::min_element(roi.begin(), roi.end()) < 1) return std::nullopt;
    return roi.size() == 1 ? Int3{roi[0], roi[0], roi[0]} : Int3{roi[0], roi[1], roi[2]};
  }
  std::int32_t batch() const override { return params_.sw_batch_size; }

 private:
  /// What a run needs, whichever way it gives its answer.
  struct Need {
    WindowGrid grid;
    bool one_batch;            ///< no sums are there yet when the network runs
    std::int64_t predicting;   ///< the windows of one batch and the network
    std::int64_t predictions;  ///< its answer
    std::int64_t held;         ///< all the while: the padded image, the weights
  };

  Need need_of(const Network& network, std::int32_t channels, const Int3& size) const {
    SlidingWindows params = params_;
    params.padding = {};  // Whether such an image can be padded is found out when there is one.
    Need need{window_grid(size, params), false, 0, 0, 0};
    const Int3 roi = need.grid.roi();
    const std::int64_t batch = std::min<std::int64_t>(params_.sw_batch_size, need.grid.count());
    need.one_batch = batch == need.grid.count();
    need.predictions = float_bytes(batch * network.output_channels(), roi);
    need.predicting =
        float_bytes(batch * channels, roi) + checked_product({batch, network.peak_bytes(channels, roi)}, "memory plan");
    if (params_.mode == WindowMode::gaussian) need.held += importance_map_bytes(roi);
    if (need.grid.is_padded())
      need.held = checked_sum(need.held, float_bytes(channels, need.grid.padded().size()), "memory plan");
    return need;
  }

  /// `sums`: from the first answer of the network on; `adding`, beside an answer; `finishing`: after the last one.
  static std::int64_t peak_of(const Need& need, std::int64_t sums, std::int64_t adding, std::int64_t finishing) {
    const std::int64_t later = checked_sum(sums, std::max(need.predictions + adding, finishing), "memory plan");
    const std::int64_t network = need.one_batch ? need.predicting : checked_sum(need.predicting, sums, "memory plan");
    return checked_sum(need.held, std::max(later, network), "memory plan");
  }

  /// With the scores of the whole image, and those of the padded one.
  static std::int64_t score_bytes(const Need& need, std::int32_t classes, const Int3& size) {
    const std::int64_t cut = need.grid.is_padded() ? float_bytes(classes, size) : 0;
    return peak_of(need, float_bytes(classes, need.grid.padded().size()), 0, cut);
  }

  /// With the labels of the whole image: the scores along the lines that are held at once, and a block of them.
  static std::int64_t label_bytes(const Need& need, std::int32_t classes, const PlannedVolume& labels) {
    const std::array<PredictedAxis, 3> axes = predicted_axes(need.grid, need.grid.roi());
    const SumLines lines = fewest_lines(axes);
    const std::int64_t sums = float_bytes(classes, {lines.slots, lines.lines, axes[2].size});
    const Int3 roi = need.grid.roi(), image = labels.size;
    // No more lines are ready at once than a window has, or the image.
    const Int3 line = {1, std::min(roi[1], image[1]), image[2]};
    const std::int64_t plane = float_bytes(classes, line);
    const std::int64_t ready = checked_product({std::min(roi[0], image[0]), plane}, "memory plan");
    const std::int64_t scores = std::max(plane, std::min(kBlockBytes, ready));
    const std::int64_t block =
        scores + scores / float_bytes(classes, {1, 1, 1}) * static_cast<std::int64_t>(size_of(labels.dtype));
    const bool one_column = need.grid.axes[0].count == 1 && need.grid.axes[1].count == 1;
    return peak_of(need, checked_sum(sums, labels.bytes(), "memory plan"), one_column ? 0 : block, block);
  }

  /// With the three axes that it is made from.
  static std::int64_t importance_map_bytes(const Int3& roi) {
    return float_bytes(1, roi) + 4 * (std::int64_t{roi[0]} + roi[1] + roi[2]);
  }

  const SlidingWindows params_;
  const bool labels_;
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
