#include "models/steps.h"

#include "models/step_kinds.h"

namespace voxd {
namespace {

using StepPtr = std::unique_ptr<const Step>;
using Factory = StepPtr (*)(Params& params);

/// Every dictionary transform has these two. A key that is missing is found when the chain is put together.
std::vector<std::string> keys_of(Params& params) {
  params.require_off({"allow_missing_keys"});
  return params.texts("keys");
}

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

template <class P>
StepPtr intensity(Params& params) {
  return std::make_unique<Intensity<P>>(params.target(), keys_of(params), read_params<P>(params));
}

StepPtr orientation_step(Params& params) {
  return std::make_unique<Orientationd>(keys_of(params), read_params<OrientationParams>(params));
}

StepPtr resize_step(Params& params) {
  std::vector<std::string> keys = keys_of(params);
  std::vector<Resize> per_key;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    Params own =
        params.for_key(i, keys.size(), {"mode", "align_corners", "anti_aliasing", "anti_aliasing_sigma", "dtype"});
    per_key.push_back(read_params<Resize>(own));
  }
  return std::make_unique<Resized>(std::move(keys), std::move(per_key));
}

StepPtr crop_foreground(Params& params) {
  std::vector<std::string> keys = keys_of(params);
  // One fill for all keys: MONAI's list of modes is accepted where it says the same for each.
  for (std::size_t i = 1; i < keys.size(); ++i) {
    Params own = params.for_key(i, keys.size(), {"mode"});
    read_params<CropForeground>(own);
  }
  Params own = params.for_key(0, keys.size(), {"mode"});
  const CropForeground crop = read_params<CropForeground>(own);
  params.ignore({"start_coord_key", "end_coord_key"});
  return std::make_unique<CropForegroundd>(std::move(keys), params.text("source_key"), crop);
}

StepPtr invert_step(Params& params) {
  std::vector<std::string> keys = keys_of(params);
  const ConfigValue transform = params.value("transform");
  const auto* inverted = transform.as<ComponentRef>();
  if (!inverted || inverted->id != "preprocessing")
    params.refuse(Code::unimplemented, "transform",
                  "only '@preprocessing' can be inverted, found " + to_text(transform));
  std::vector<std::string> originals =
      params.has("orig_keys") && !params.value("orig_keys").is_null() ? params.texts("orig_keys") : keys;
  if (originals.size() == 1) originals.resize(keys.size(), originals[0]);
  if (originals.size() != keys.size())
    params.refuse(Code::invalid_argument, "orig_keys",
                  std::to_string(originals.size()) + " values for " + std::to_string(keys.size()) + " keys");
  std::vector<bool> nearest;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    Params own = params.for_key(i, keys.size(), {"nearest_interp", "to_tensor", "device", "post_func"});
    nearest.push_back(own.flag("nearest_interp", true));
    if (!own.value("post_func").is_null()) own.refuse(Code::unimplemented, "post_func", "is not supported");
  }
  params.ignore({"to_tensor", "device", "meta_keys", "orig_meta_keys", "meta_key_postfix", "support_type"});
  return std::make_unique<Invertd>(std::move(keys), std::move(originals), std::move(nearest));
}

StepPtr as_discrete(Params& params) {
  std::vector<std::string> keys = keys_of(params);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    Params own =
        params.for_key(i, keys.size(), {"argmax", "to_onehot", "threshold", "rounding", "dim", "keepdim", "dtype"});
    read_params<AsDiscreteParams>(own);
  }
  return std::make_unique<Argmax>(std::move(keys));
}

StepPtr keep_largest(Params& params) {
  return std::make_unique<KeepLargestConnectedComponentd>(keys_of(params),
                                                          read_params<KeepLargestConnectedComponent>(params));
}

StepPtr contour(Params& params) {
  read_params<LabelToContourParams>(params);
  return std::make_unique<LabelToContourd>(keys_of(params));
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

const std::map<std::string, Factory, std::less<>>& table() {
  static const std::map<std::string, Factory, std::less<>> entries{
      {"AsDiscreted", as_discrete},
      {"CopyItemsd", copy_items},
      {"CropForegroundd", crop_foreground},
      {"EnsureChannelFirstd", ensure_channel_first},
      {"EnsureTyped", ensure_type},
      {"Invertd", invert_step},
      {"KeepLargestConnectedComponentd", keep_largest},
      {"LabelToContourd", contour},
      {"LoadImaged", load_image},
      {"NormalizeIntensityd", intensity<NormalizeIntensity>},
      {"Orientationd", orientation_step},
      {"Resized", resize_step},
      {"SaveImaged", save_image},
      {"ScaleIntensityRanged", intensity<ScaleIntensityRange>},
      {"ScaleIntensityRangePercentilesd", intensity<ScaleIntensityRangePercentiles>},
  };
  return entries;
}

}  // namespace

std::vector<std::string> supported_steps() {
  std::vector<std::string> names;
  for (const auto& [name, factory] : table()) names.push_back(name);
  return names;
}

StepPtr make_step(Params params) {
  const auto entry = table().find(params.target());
  if (entry == table().end()) {
    const std::string meant = nearest_name(params.target(), supported_steps());
    params.refuse(Code::unimplemented, "_target_",
                  "the transform '" + params.target() + "' is not supported" +
                      (meant.empty() ? "" : "; did you mean '" + meant + "'?"));
  }
  StepPtr step = entry->second(params);
  params.finish();
  return step;
}

}  // namespace voxd
