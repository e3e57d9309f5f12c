#include "models/bundle.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>

#include "models/bundle_source.h"
#include "models/config_id.h"
#include "models/fuse.h"
#include "models/probability.h"
#include "models/serving.h"
#include "models/steps/item_steps.h"
#include "models/steps/label_steps.h"

namespace voxd {
namespace {

namespace fs = std::filesystem;

Config read_inference(const BundleSource& source) {
  for (const char* file : {"inference.json", "inference.yaml", "inference.yml"})
    if (auto config = source.config(file)) return config->expand_macros(source.named);
  fail(Code::not_found, source.whole, ": no ", source.configs, "inference.json, .yaml or .yml");
}

/// The ids of the transforms of a Compose, in order.
std::vector<std::string> transforms_of(const Config& config, const std::string& section) {
  const ConfigValue value = config.resolve(section);
  const auto* component = value.as<ComponentRef>();
  if (!component)
    fail(Code::unimplemented, config.where(section), ": expected a Compose of transforms, found ", to_text(value));
  Params compose(config, component->id);
  if (compose.target() != "Compose")
    compose.refuse(Code::unimplemented, "_target_", "'" + compose.target() + "' is not supported, only Compose");
  const ConfigValue transforms = compose.value("transforms");
  compose.require_off({"unpack_items", "log_stats", "lazy", "overrides"});
  if (!compose.flag("map_items", true)) compose.refuse(Code::unimplemented, "map_items", "only True is supported");
  compose.finish();

  const auto* list = transforms.as<ConfigList>();
  if (!list)
    compose.refuse(Code::invalid_argument, "transforms", "expected a list of transforms, found " + to_text(transforms));
  std::vector<std::string> ids;
  for (const ConfigValue& item : *list) {
    if (item.is_null()) continue;  // a reference to a disabled one
    const auto* transform = item.as<ComponentRef>();
    if (!transform)
      compose.refuse(Code::unimplemented, "transforms", "expected components with _target_, found " + to_text(item));
    ids.push_back(transform->id);
  }
  return ids;
}

/// Follows which items there are from step to step.
class ChainCheck {
 public:
  void add_item(const std::string& key) { items_.insert(key); }

  void check(const Config& config, const std::string& id, const Step& step) {
    for (const std::string& key : step.keys()) require(config, id, "keys", key);
    for (const std::string& key : step.needs())
      require(config, id, step.name() == "CropForegroundd" ? "source_key" : "orig_keys", key);
    for (const std::string& key : step.adds())
      if (!items_.insert(key).second)
        fail(Code::invalid_argument, config.where(child_id(id, "names")), ": there is an item '", key, "' already");
  }

 private:
  void require(const Config& config, const std::string& id, const char* parameter, const std::string& key) const {
    if (items_.count(key)) return;
    std::string known;
    for (const std::string& item : items_) known += (known.empty() ? "'" : ", '") + item + "'";
    fail(Code::invalid_argument, config.where(child_id(id, parameter)), ": there is no item '", key,
         "' at this point, only ", known);
  }

  std::set<std::string> items_;
};

Steps read_steps(const Config& config, const std::string& section, ChainCheck& chain) {
  Steps steps;
  for (const std::string& id : transforms_of(config, section)) {
    steps.push_back(make_step(Params(config, id)));
    chain.check(config, id, *steps.back());
  }
  return steps;
}

/// A chain starts with LoadImaged, which says under which key the image arrives.
std::string input_key_of(const Config& config) {
  const std::vector<std::string> ids = transforms_of(config, "preprocessing");
  if (ids.empty()) fail(Code::invalid_argument, config.where("preprocessing"), ": has no transforms");
  Params first(config, ids.front());
  if (first.target() != "LoadImaged")
    first.refuse(Code::unimplemented, "_target_", "a chain must start with LoadImaged, found '" + first.target() + "'");
  const std::vector<std::string> keys = first.texts("keys");
  if (keys.size() != 1)
    first.refuse(Code::unimplemented, "keys", "several images under keys of their own are not supported");
  return keys.front();
}

/// What voxd uses of metadata.json; everything in it is optional and descriptive, so nothing else is looked at.
struct Metadata {
  std::string version, task, description, intended_use;
  std::int32_t input_channels = 1;
  std::vector<std::string> channel_names;
  std::map<std::int32_t, std::string> labels;
};

std::string text_at(const Config& config, std::string_view id) {
  const ConfigValue* value = config.raw(id);
  const auto* text = value ? value->as<std::string>() : nullptr;
  return text ? *text : "";
}

/// Label values to names; label 0 is the background. Some bundles say label_def.
std::map<std::int32_t, std::string> read_labels(const Config& config) {
  std::map<std::int32_t, std::string> labels;
  for (const char* name : {"channel_def", "label_def"}) {
    const ConfigValue* value = config.raw(child_id("network_data_format::outputs::pred", name));
    const auto* map = value ? value->as<ConfigMap>() : nullptr;
    if (!map) continue;
    for (const auto& [key, label] : *map) {
      std::int32_t number = 0;
      const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), number);
      if (error != std::errc{} || end != key.data() + key.size() || number < 0 || number > 65535 ||
          !label.as<std::string>())
        fail(Code::invalid_argument, config.where(child_id("network_data_format::outputs::pred", name)),
             ": expected label numbers with names, found '", key, "': ", to_text(label));
      if (number > 0) labels[number] = *label.as<std::string>();
    }
    return labels;
  }
  return labels;
}

/// The input's channel_def, where it names each channel once.
std::vector<std::string> read_channel_names(const Config& config, std::int32_t channels) {
  std::vector<std::string> names;
  for (std::int32_t i = 0; i < channels; ++i) {
    std::string name = text_at(config, child_id("network_data_format::inputs::image::channel_def", std::to_string(i)));
    if (name.empty() || std::find(names.begin(), names.end(), name) != names.end()) return {};
    names.push_back(std::move(name));
  }
  return names;
}

Metadata read_metadata(const Config& config) {
  Metadata metadata;
  metadata.version = text_at(config, "version");
  metadata.task = text_at(config, "task");
  metadata.description = text_at(config, "description");
  metadata.intended_use = text_at(config, "intended_use");
  metadata.labels = read_labels(config);
  constexpr const char* channels_id = "network_data_format::inputs::image::num_channels";
  if (const ConfigValue* channels = config.raw(channels_id)) {
    const auto* number = channels->as<std::int64_t>();
    if (!number || *number < 1 || *number > 256)
      fail(Code::invalid_argument, config.where(channels_id), ": expected a number in 1..256, found ",
           to_text(*channels));
    metadata.input_channels = static_cast<std::int32_t>(*number);
  }
  metadata.channel_names = read_channel_names(config, metadata.input_channels);
  return metadata;
}

/// Keys that SaveImaged marks, in order.
std::vector<std::string> saved_keys(const Config& config, const Steps& steps) {
  std::vector<std::string> saved;
  for (const auto& step : steps)
    if (dynamic_cast<const SaveImaged*>(step.get()))
      for (const std::string& key : step->keys()) {
        if (std::find(saved.begin(), saved.end(), key) != saved.end())
          fail(Code::unimplemented, config.where("postprocessing"), ": '", key, "' is saved twice");
        saved.push_back(key);
      }
  return saved;
}

std::string contour_of(const Steps& steps, const std::vector<std::string>& saved) {
  for (const auto& step : steps)
    if (dynamic_cast<const LabelToContourd*>(step.get()))
      for (const std::string& key : step->keys())
        if (std::find(saved.begin(), saved.end(), key) != saved.end()) return key;
  return "";
}

/// A tensor or field of serving.json must stand for something of the chain.
void require_key(const BundleSource& source, const std::string& field, const std::string& key,
                 const std::vector<std::string>& keys) {
  if (std::find(keys.begin(), keys.end(), key) != keys.end()) return;
  std::string known;
  for (const std::string& name : keys) known += (known.empty() ? "'" : ", '") + name + "'";
  fail(Code::invalid_argument, source.called("serving.json"), ": ", field, ": there is no '", key, "', only ", known);
}

void describe_tensors(Bundle& bundle, const BundleSource& source, const ServingFile& serving,
                      const std::vector<std::string>& saved) {
  PipelineDescription& description = bundle.description;
  description.inputs = serving.inputs;
  description.outputs = serving.outputs;
  if (description.inputs.empty())
    description.inputs.push_back(
        {bundle.input_key, bundle.input_key, "FP32", {bundle.description.input_channels, -1, -1, -1}});
  if (description.outputs.empty())
    for (const std::string& key : saved) description.outputs.push_back({key, key, "UINT8", {1, -1, -1, -1}});
  for (std::size_t i = 0; i < description.inputs.size(); ++i)
    require_key(source, "inputs[" + std::to_string(i) + "].key", description.inputs[i].key, {bundle.input_key});
  std::vector<std::string> known = saved;
  if (description.has_probabilities) known.push_back(probabilities_key);
  for (std::size_t i = 0; i < description.outputs.size(); ++i)
    require_key(source, "outputs[" + std::to_string(i) + "].key", description.outputs[i].key, known);
}

/// The chain's results follow the network's answer, which Invertd takes back.
bool ends_on_input_grid(const Steps& pre, const Steps& post) {
  bool elsewhere = std::any_of(pre.begin(), pre.end(), [](const auto& step) { return step->moves_voxels(); });
  for (const auto& step : post) {
    const std::vector<std::string>& keys = step->keys();
    if (std::find(keys.begin(), keys.end(), network_output) == keys.end()) continue;
    if (step->name() == "Invertd") elsewhere = false;
    if (step->moves_voxels()) elsewhere = true;
  }
  return !elsewhere;
}

}  // namespace

Bundle read_bundle(const fs::path& path, bool cuda) {
  const BundleSource source = open_bundle(path);
  Bundle bundle;
  PipelineDescription& description = bundle.description;
  description.name = source.name;
  Config inference = read_inference(source);
  inference.cuda = cuda;

  bundle.input_key = input_key_of(inference);
  bundle.network_key = network_input;
  ChainCheck chain;
  chain.add_item(bundle.input_key);
  bundle.pre = read_steps(inference, "preprocessing", chain);
  if (bundle.input_key != network_input)
    fail(Code::unimplemented, inference.where("preprocessing"), ": the network is given the item '", network_input,
         "', but the image arrives as '", bundle.input_key, "'");
  bundle.inferer = read_inferer(inference);
  chain.add_item(network_output);
  if (inference.raw("postprocessing")) bundle.post = read_steps(inference, "postprocessing", chain);
  if (saved_keys(inference, bundle.pre).size())
    fail(Code::unimplemented, inference.where("preprocessing"), ": SaveImaged belongs to the postprocessing");

  std::vector<std::string> saved = saved_keys(inference, bundle.post);
  if (saved.empty()) {
    // A chain that saves nothing leaves the network's answer for its caller.
    saved.push_back(network_output);
    bundle.post.push_back(std::make_unique<SaveImaged>(saved));
  }

  Metadata metadata;
  if (const auto config = source.config("metadata.json")) metadata = read_metadata(*config);
  ServingFile serving;
  if (const auto config = source.config("serving.json")) serving = read_serving(*config);

  description.task = metadata.task;
  description.description = serving.description.empty() ? metadata.description : serving.description;
  description.metadata_version = metadata.version;
  description.intended_use = metadata.intended_use;
  description.labels = metadata.labels;
  description.contour_key = serving.contour.empty() ? contour_of(bundle.post, saved) : serving.contour;
  if (!description.contour_key.empty()) require_key(source, "contour", description.contour_key, saved);
  const bool has_pred = std::find(saved.begin(), saved.end(), network_output) != saved.end();
  description.mask_key = !serving.mask.empty() ? serving.mask : has_pred ? network_output : saved.front();
  require_key(source, "mask", description.mask_key, saved);
  description.input_channels = metadata.input_channels;
  description.channel_names = metadata.channel_names;
  description.warm_up_image = serving.warm_up_image;
  description.most_running = serving.max_running;
  description.most_waiting = serving.max_waiting;
  bundle.probability = probability_steps(bundle.post, network_output);
  description.has_probabilities = !bundle.probability.empty();
  describe_tensors(bundle, source, serving, saved);

  description.ends_on_input_grid = ends_on_input_grid(bundle.pre, bundle.post);
  bundle.network_file = source.network_file;
  bundle.network = source.network;
  bundle.network_sha256 = serving.sha256;
  const NetworkOptions usual;
  bundle.warm_up_size = serving.warm_up_size.value_or(bundle.inferer->input_size().value_or(usual.warm_up_size));
  bundle.rewrite = serving.rewrite;
  bundle.precision = serving.precision;
  if (serving.fuse) fuse(bundle);
  return bundle;
}

}  // namespace voxd
