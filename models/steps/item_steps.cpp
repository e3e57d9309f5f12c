#include "models/steps/item_steps.h"

#include "models/steps/param_checks.h"
#include "models/steps/step_factories.h"
#include "models/steps/step_params.h"

namespace voxd {

bool ToFloat32::leaves(DType type) const {
  return leaves_integers && (type == DType::u8 || type == DType::i8 || type == DType::i16 || type == DType::u16);
}

void ToFloat32::apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const {
  if (!leaves(item.volume.dtype())) item.volume = to_float32(item.volume, workspace);
}

void ToFloat32::plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const {
  if (!leaves(item.volume.dtype)) item.volume = as_float32(item.volume, plan);
}

void ToType::apply_to(Dictionary::Item& item, std::size_t index, Workspace& workspace) const {
  if (dtypes[index]) item.volume = cast_to(item.volume, *dtypes[index], workspace);
}

void ToType::plan_for(PlannedDictionary::Item& item, std::size_t index, MemoryPlan& plan) const {
  if (dtypes[index] && *dtypes[index] != item.volume.dtype)
    item.volume = PlannedVolume(*dtypes[index], item.volume.channels, item.volume.geometry(), plan);
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
      return std::make_unique<ToFloat32>(keys_of(params));
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

/// MONAI takes one type for all keys, or one per key.
template <class P>
StepPtr to_type(Params& params) {
  std::vector<std::string> keys = keys_of(params);
  std::vector<std::optional<DType>> types;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    Params own = params.for_key(i, keys.size(), {"dtype"});
    types.push_back(read_params<P>(own).dtype);
  }
  return std::make_unique<ToType>(params.target(), std::move(keys), std::move(types));
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
      {"CastToTyped", to_type<CastToTypeParams>},
      {"CopyItemsd", copy_items},
      {"EnsureChannelFirstd", ensure_channel_first},
      {"EnsureTyped", to_type<EnsureTypeParams>},
      {"LoadImaged", load_image},
      {"SaveImaged", save_image},
  };
}

}  // namespace voxd
