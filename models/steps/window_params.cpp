#include "gpu_transforms/window_grid.h"
#include "models/steps/step_params.h"

namespace voxd {
namespace {

/// One number or one per axis; None takes the image's size, as 0 does.
std::vector<int> roi_size_of(Params& params) {
  const ConfigValue value = params.value("roi_size");
  if (!params.has("roi_size")) params.refuse(Code::invalid_argument, "roi_size", "is missing");
  const auto* list = value.as<ConfigList>();
  if (!list) return params.integers("roi_size", {0});
  std::vector<int> sizes;
  for (const ConfigValue& item : *list) {
    const auto* size = item.as<std::int64_t>();
    if (!item.is_null() && (!size || *size != static_cast<int>(*size)))
      params.refuse(Code::invalid_argument, "roi_size",
                    "expected whole numbers of at most 31 bits or None, found " + to_text(value));
    sizes.push_back(size ? static_cast<int>(*size) : 0);
  }
  return sizes;
}

PadMode padding_mode_of(Params& params) {
  const std::string mode = params.text("padding_mode", "constant");
  for (const char* torchs : {"constant", "reflect", "replicate", "circular"})
    if (mode == torchs) return pad_mode_of(mode);
  params.refuse(Code::invalid_argument, "padding_mode",
                "expected 'constant', 'reflect', 'replicate' or 'circular', found '" + mode + "'");
}

template <class T>
void require_three(Params& params, std::string_view name, const std::vector<T>& values) {
  const bool is_list = params.value(name).template as<ConfigList>() != nullptr;
  if (is_list && values.size() != 3)
    params.refuse(Code::invalid_argument, name,
                  "expected one number or a list of 3, got a list of " + std::to_string(values.size()));
}

}  // namespace

template <>
SlidingWindows read_params(Params& params) {
  SlidingWindows result;
  result.roi_size = roi_size_of(params);
  require_three(params, "roi_size", result.roi_size);
  result.sw_batch_size = params.integer("sw_batch_size", 1);
  result.overlap = params.numbers("overlap", {0.25});
  require_three(params, "overlap", result.overlap);
  result.sigma_scale = params.numbers("sigma_scale", {0.125});
  require_three(params, "sigma_scale", result.sigma_scale);
  const std::string mode = params.text("mode", "constant");
  if (mode != "constant" && mode != "gaussian")
    params.refuse(Code::invalid_argument, "mode", "expected 'constant' or 'gaussian', found '" + mode + "'");
  result.mode = mode == "gaussian" ? WindowMode::gaussian : WindowMode::constant;
  result.padding.mode = padding_mode_of(params);
  result.padding.value = params.number("cval", 0);
  params.require_off({"with_coord"});
  // Where the data lie, and in how many pieces they are added up: the result is the same, or so but for rounding.
  params.ignore(
      {"device", "sw_device", "cpu_thresh", "buffer_steps", "buffer_dim", "progress", "cache_roi_weight_map"});
  try {
    check_sliding_windows(result);
  } catch (const Error& error) {
    fail(error.code(), params.config().where(params.id()), ": ", error.what());
  }
  return result;
}

}  // namespace voxd
