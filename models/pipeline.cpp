#include "models/pipeline.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <set>

#include "gpu_transforms/volume/checked.h"
#include "models/bundle.h"
#include "models/extras.h"
#include "models/sha256.h"
#include "models/stack_images.h"
#include "models/steps/spatial_steps.h"

namespace voxd {
namespace {

using Milliseconds = std::chrono::duration<double, std::milli>;

/// Times one stage after the other; each ends by waiting for the stream, so that its work is in its time.
class StageClock {
 public:
  StageClock(JobContext& context, PipelineResult& result) : context_(context), result_(result) {}
  void finish(Stage stage) {
    context_.stream().synchronize();
    const Clock::time_point now = Clock::now();
    result_.stage_ms[static_cast<std::size_t>(stage)] = Milliseconds(now - started_).count();
    started_ = now;
  }

 private:
  JobContext& context_;
  PipelineResult& result_;
  Clock::time_point started_ = Clock::now();
};

/// Waits for the stream before the memory that its work uses goes away, whichever way the job ends.
class Drain {
 public:
  explicit Drain(Stream& stream) : stream_(stream) {}
  ~Drain() {
    try {
      stream_.synchronize();
    } catch (...) {
      // The job has ended already: with this fault, or with an earlier one that its caller is told.
    }
  }

 private:
  Stream& stream_;
};

/// After each step, the items whose voxels nobody will look at again.
using Spent = std::vector<std::set<std::string>>;

/// `later`: what is read after the last of the steps; becomes what is read from the first on.
Spent spent_after(const Steps& steps, std::set<std::string>& later) {
  Spent spent(steps.size());
  for (std::size_t i = steps.size(); i-- > 0;) {
    std::set<std::string> touched;
    for (const auto& names : {steps[i]->keys(), steps[i]->needs(), steps[i]->adds(), steps[i]->reads()})
      touched.insert(names.begin(), names.end());
    for (const std::string& key : touched)
      if (!later.count(key)) spent[i].insert(key);
    for (const std::string& key : steps[i]->reads()) later.insert(key);
  }
  return spent;
}

template <class Dictionary>
void drop_voxels(Dictionary& dictionary, const std::set<std::string>& keys) {
  for (const std::string& key : keys)
    if (const auto item = dictionary.items.find(key); item != dictionary.items.end()) item->second.volume = {};
}

std::optional<Box> first_crop(const SpatialTrace& trace) {
  for (const AppliedTransform& step : trace)
    if (const auto* crop = std::get_if<AppliedCrop>(&step)) return crop->box;
  return std::nullopt;
}

class BundlePipeline final : public Pipeline {
 public:
  BundlePipeline(Bundle bundle, std::shared_ptr<const Network> network)
      : bundle_(std::move(bundle)), network_(std::move(network)) {
    std::set<std::string> later;
    spent_post_ = spent_after(bundle_.post, later);
    spent_network_ = !later.count(bundle_.network_key);
    later.insert(bundle_.network_key);
    spent_pre_ = spent_after(bundle_.pre, later);
  }

  const PipelineDescription& description() const override { return bundle_.description; }

  PipelineResult run(const std::vector<HostVolume>& images, JobContext& context, const HostAllocator& allocate,
                     const Extras& extras) const override {
    check(images);
    if (extras.probabilities && bundle_.probability.empty())
      fail(Code::failed_precondition, "model '", bundle_.description.name,
           "' has no probabilities: its chain makes no labels of scores");
    PipelineResult result;
    StageClock clock(context, result);
    context.workspace.reset_peak();
    Dictionary dictionary;
    const Drain drain(context.stream());

    start_stage(Stage::pre, context);
    {
      const std::optional<HostVolume> stack =
          images.size() > 1 ? std::optional(stack_images(images, bundle_.description.input_channels, allocate))
                            : std::nullopt;
      dictionary.items[bundle_.input_key] = {upload(stack ? *stack : images[0], context.workspace), {}};
      if (stack) context.stream().synchronize();
    }
    apply(bundle_.pre, 0, spent_pre_, Stage::pre, dictionary, context);
    result.crop = first_crop(dictionary.at(bundle_.network_key).trace);
    clock.finish(Stage::pre);

    start_stage(Stage::network, context);
    infer(inferer_for(extras), dictionary, context);
    clock.finish(Stage::network);

    start_stage(Stage::post, context);
    if (extras.probabilities)
      result.probabilities = download(probabilities(dictionary, context), context.workspace, allocate);
    apply(bundle_.post, first_post(extras), spent_post_, Stage::post, dictionary, context);
    dictionary.items.clear();
    add_extras(mask_of(dictionary), missing(extras), context.workspace, allocate, result);
    for (auto& [key, volume] : dictionary.outputs)
      result.outputs.push_back({key, download(volume, context.workspace, allocate)});
    clock.finish(Stage::post);
    context.report(Stage::post, 1);

    result.peak_bytes = context.workspace.peak_bytes();
    return result;
  }

  std::int64_t peak_bytes(DType dtype, std::int32_t channels, const Geometry& image,
                          const Extras& extras) const override {
    MemoryPlan plan;
    PlannedDictionary dictionary;
    dictionary.items[bundle_.input_key] = {PlannedVolume(dtype, channels, image, plan), {}};
    replay(bundle_.pre, 0, spent_pre_, dictionary, plan);

    plan_network(inferer_for(extras), dictionary, plan);
    if (extras.probabilities) plan_probabilities(dictionary, plan);
    replay(bundle_.post, first_post(extras), spent_post_, dictionary, plan);
    dictionary.items.clear();
    plan_extras(mask_of(dictionary), missing(extras), plan);
    return plan.peak_bytes();
  }

 private:
  /// Labels straight from the inferer, where nobody wants to see the scores.
  const Inferer& inferer_for(const Extras& extras) const {
    return bundle_.labelling && !extras.probabilities ? *bundle_.labelling : *bundle_.inferer;
  }
  std::size_t first_post(const Extras& extras) const { return &inferer_for(extras) == bundle_.labelling.get() ? 1 : 0; }

  /// Made of a copy of the dictionary: the chain goes on with the scores.
  DeviceVolume probabilities(Dictionary dictionary, JobContext& context) const {
    for (const auto& step : bundle_.probability) {
      context.check();
      step->apply(dictionary, context);
    }
    return dictionary.at(network_output).volume;
  }

  void plan_probabilities(PlannedDictionary dictionary, MemoryPlan& plan) const {
    for (const auto& step : bundle_.probability) step->plan(dictionary, plan);
  }

  /// As far as the chain does not make them itself.
  Extras missing(Extras extras) const {
    extras.contour = extras.contour && bundle_.description.contour_key.empty();
    return extras;
  }

  template <class Volume>
  const Volume& mask_of(const BasicDictionary<Volume>& dictionary) const {
    for (const auto& [key, volume] : dictionary.outputs)
      if (key == bundle_.description.mask_key) return volume;
    fail(Code::internal, "the chain did not save '", bundle_.description.mask_key, "'");
  }

  /// Whether the images are something that this chain can be run on; the messages are what a caller reads.
  void check(const std::vector<HostVolume>& images) const {
    if (images.empty()) fail(Code::invalid_argument, "image: none was given");
    std::int64_t channels = 0;
    for (std::size_t i = 0; i < images.size(); ++i) {
      const Geometry& geometry = images[i].geometry;
      for (std::size_t axis = 0; axis < 3; ++axis)
        if (geometry.size[axis] < 1)
          fail(Code::invalid_argument, "image[", i, "]: dim[", axis, "]: ", geometry.size[axis], " voxels, at least 1");
      if (geometry.size != images[0].geometry.size)
        fail(Code::invalid_argument, "image[", i, "]: ", to_string(geometry.size), " voxels, but image[0] has ",
             to_string(images[0].geometry.size));
      if (!same_place(geometry.affine, images[0].geometry.affine))
        fail(Code::invalid_argument, "image[", i,
             "]: lies elsewhere than image[0] (their affines differ by more than 1e-3 mm)");
      channels += images[i].channels;
    }
    if (channels != bundle_.description.input_channels)
      fail(Code::invalid_argument, "image: ", channels, channels == 1 ? " channel" : " channels", ", '",
           bundle_.description.name, "' takes ", bundle_.description.input_channels);
  }

  static bool same_place(const Affine& a, const Affine& b) {
    for (std::size_t row = 0; row < 3; ++row)
      for (std::size_t column = 0; column < 4; ++column)
        if (!(std::abs(a[row][column] - b[row][column]) <= 1e-3)) return false;
    return true;
  }

  static void start_stage(Stage stage, JobContext& context) {
    context.check();
    context.report(stage, 0);
  }

  static void apply(const Steps& steps, std::size_t first, const Spent& spent, Stage stage, Dictionary& dictionary,
                    JobContext& context) {
    std::string done;
    for (std::size_t i = first; i < steps.size(); ++i) {
      context.check();
      steps[i]->apply(dictionary, context);
      for (const std::string& key : steps[i]->keys()) refuse_empty(dictionary.at(key).volume, steps[i]->name(), done);
      drop_voxels(dictionary, spent[i]);
      done = steps[i]->name();
      context.report(stage, static_cast<double>(i + 1) / static_cast<double>(steps.size() + 1));
    }
  }

  static void refuse_empty(const DeviceVolume& volume, const std::string& step, const std::string& previous) {
    if (!volume.empty()) return;
    if (step == "CropForegroundd") refuse_without_foreground(previous);
    fail(Code::invalid_argument, "the image is empty after ", step);
  }

  void infer(const Inferer& inferer, Dictionary& dictionary, JobContext& context) const {
    Dictionary::Item& image = dictionary.at(bundle_.network_key);
    DeviceVolume output = inferer.run(*network_, image.volume, context);
    dictionary.items[network_output] = {std::move(output), {}};
    release_network_input(dictionary);
    context.report(Stage::network, 1);
  }

  void plan_network(const Inferer& inferer, PlannedDictionary& dictionary, MemoryPlan& plan) const {
    const PlannedVolume& input = dictionary.at(bundle_.network_key).volume;
    PlannedVolume output = inferer.plan(*network_, input, plan);
    dictionary.items[network_output] = {std::move(output), {}};
    release_network_input(dictionary);
  }

  template <class AnyDictionary>
  void release_network_input(AnyDictionary& dictionary) const {
    if (spent_network_) dictionary.at(bundle_.network_key).volume = {};
  }

  static void replay(const Steps& steps, std::size_t first, const Spent& spent, PlannedDictionary& dictionary,
                     MemoryPlan& plan) {
    for (std::size_t i = first; i < steps.size(); ++i) {
      steps[i]->plan(dictionary, plan);
      drop_voxels(dictionary, spent[i]);
    }
  }

  const Bundle bundle_;
  const std::shared_ptr<const Network> network_;
  Spent spent_pre_, spent_post_;
  bool spent_network_ = false;
};

std::string checked_sum(const Bundle& bundle) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(bundle.network_file, error))
    fail(Code::not_found, bundle.network, ": there is no such file");
  std::string sum = sha256_of(bundle.network_file);
  if (!bundle.network_sha256.empty() && sum != bundle.network_sha256)
    fail(Code::failed_precondition, bundle.network, ": its SHA-256 is ", sum, ", serving.json says ",
         bundle.network_sha256);
  return sum;
}

std::shared_ptr<const Network> load_network(const Bundle& bundle, int device, const CheckNetwork& check) {
  const std::string& file = bundle.network;
  try {
    const NetworkOptions options{bundle.description.input_channels, bundle.warm_up_size, device,
                                 bundle.inferer->batch(),           bundle.rewrite,      bundle.precision};
    if (check) check(bundle.network_file, options);
    return load_torchscript(bundle.network_file, options);
  } catch (const Error& reason) {
    throw Error(reason.code(), file + ": " + reason.what());
  }
}

}  // namespace

const HostVolume& PipelineResult::at(const std::string& key) const {
  std::string known;
  for (const PipelineOutput& output : outputs) {
    if (output.key == key) return output.volume;
    known += (known.empty() ? "'" : ", '") + output.key + "'";
  }
  fail(Code::not_found, "there is no output '", key, "', only ", known.empty() ? "none" : known);
}

std::shared_ptr<const Pipeline> Pipeline::load(const std::filesystem::path& bundle, int device,
                                               std::shared_ptr<const Network> network, const CheckNetwork& check) {
  Bundle parts = read_bundle(bundle, device >= 0);
  if (!network) {
    parts.description.network_sha256 = checked_sum(parts);
    network = load_network(parts, device, check);
  }
  parts.description.network_notes = network->notes();
  return std::make_shared<BundlePipeline>(std::move(parts), std::move(network));
}

}  // namespace voxd
