#include "models/steps/item_steps.h"

#include "models/steps/step_factories.h"

namespace voxd {

void ToFloat32::apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const {
  item.volume = to_float32(item.volume, workspace);
}

void ToFloat32::plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const {
  item.volume = as_float32(item.volume, plan);
}

void CopyItemsd::apply(Dictionary& dictionary, JobContext&) const {
  for (std::size_t i = 0; i < names.size(); ++i) dictionary.items[names[i]] = dictionary.at(keys()[i % keys().size()]);
}

void CopyItemsd::plan(PlannedDictionary& dictionary, MemoryPlan&) const {
  for (std::size_t i = 0; i < names.size(); ++i) dictionary.items[names[i]] = dictionary.at(keys()[i % keys().size()]);
}

void SaveImaged::apply(Dictionary& dictionary, JobContext&) const {
  for (const std::string& key : keys()) dictionary.outputs.emplace_back(key, dictionary.at(key).volume);
}

void SaveImaged::plan(PlannedDictionary& dictionary, MemoryPlan&) const {
  for (const std::string& key : keys()) dictionary.outputs.emplace_back(key, dictionary.at(key).volume);
}

namespace {

StepPtr load_image(Params& params) {
  const std::string reader = params.value("reader").is_null() ? "" : params.text("reader");
  for (std::string_view known :
       {"", "NibabelReader", "nibabelreader", "ITKReader", "itkreader", "PydicomReader", "pydicomreader"})
    if (reader == known) {
      const std::string dtype = params.dtype("dtype");
      if (!dtype.empty() && dtype != "float32")
        params.refuse(Code::unimplemented, "dtype", "'" + dtype + "' is not supported, only float32");
      // Whatever the file was, a volume arrives with its channels first and an affine in RAS.
      params.ignore({"image_only", "ensure_channel_first", "simple_keys", "prune_meta_pattern", "prune_meta_sep",
                     "meta_keys", "meta_key_postfix", "overwriting", "expanduser", "affine_lps_to_ras"});
      return std::make_unique<ToFloat32>("LoadImaged", keys_of(params));
    }
  params.refuse(Code::unimplemented, "reader", "'" + reader + "' is not supported");
}

StepPtr ensure_channel_first(Params& params) {
  const ConfigValue channel_dim = params.value("channel_dim");
  if (!channel_dim.is_null() && to_text(channel_dim) != "'no_channel'")
    params.refuse(Code::unimplemented, "channel_dim",
                  to_text(channel_dim) + " is not supported, only None or 'no_channel'");
  params.ignore({"strict_check", "meta_keys", "meta_key_postfix"});
  return std::make_unique<LeaveAsIs>("EnsureChannelFirstd", keys_of(params));
}

StepPtr ensure_type(Params& params) {
  const std::string dtype = params.dtype("dtype");
  if (!dtype.empty() && dtype != "float32")
    params.refuse(Code::unimplemented, "dtype", "'" + dtype + "' is not supported, only float32");
  if (const std::string type = params.text("data_type", "tensor"); type != "tensor")
    params.refuse(Code::unimplemented, "data_type", "'" + type + "' is not supported, only 'tensor'");
  params.ignore({"device", "wrap_sequence", "track_meta"});
  std::vector<std::string> keys = keys_of(params);
  if (dtype.empty()) return std::make_unique<LeaveAsIs>("EnsureTyped", std::move(keys));
  return std::make_unique<ToFloat32>("EnsureTyped", std::move(keys));
}

StepPtr copy_items(Params& params) {
  std::vector<std::string> keys = keys_of(params);
  const int times = params.integer("times", 1);
  std::vector<std::string> names = params.texts("names");
  if (times < 1 || times > 16)
    params.refuse(Code::invalid_argument, "times", "expected 1 to 16, found " + std::to_string(times));
  if (names.size() != keys.size() * static_cast<std::size_t>(times))
    params.refuse(Code::invalid_argument, "names",
                  std::to_string(names.size()) + " names for " + std::to_string(times) + " copies of " +
                      std::to_string(keys.size()) + " keys");
  return std::make_unique<CopyItemsd>(std::move(keys), std::move(names));
}

StepPtr save_image(Params& params) {
  params.require_off({"resample"});
  if (!params.value("scale").is_null()) params.refuse(Code::unimplemented, "scale", "is not supported");
  // How a file would be named and written is up to the client; values keep the type that the chain gives them.
  params.ignore({"meta_keys", "meta_key_postfix", "output_dir", "output_postfix", "output_ext", "mode", "padding_mode",
                 "dtype", "output_dtype", "squeeze_end_dims", "data_root_dir", "separate_folder", "print_log",
                 "output_format", "writer", "output_name_formatter", "folder_layout", "savepath_in_metadict"});
  return std::make_unique<SaveImaged>(keys_of(params));
}

}  // namespace

StepFactories item_factories() {
  return {
      {"CopyItemsd", copy_items},   {"EnsureChannelFirstd", ensure_channel_first},
      {"EnsureTyped", ensure_type}, {"LoadImaged", load_image},
      {"SaveImaged", save_image},
  };
}

}  // namespace voxd
