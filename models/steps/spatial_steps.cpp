#include "models/steps/spatial_steps.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "gpu_transforms/argmax_on_grid.h"
#include "gpu_transforms/axis_moves.h"
#include "gpu_transforms/scratch.h"
#include "models/steps/spatial_plans.h"
#include "models/steps/step_factories.h"

namespace voxd {

void refuse_without_foreground(const std::string& previous) {
  fail(Code::invalid_argument, "the image has no voxel > 0", previous.empty() ? "" : " after " + previous,
       ": nothing to segment");
}

void Orientationd::apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const {
  const Geometry before = item.volume.geometry();
  item.volume = orientation(item.volume, params.axcodes, workspace);
  item.trace.push_back(AppliedOrientation{before});
}

void Orientationd::plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const {
  const Geometry before = item.volume.geometry();
  item.trace.push_back(AppliedOrientation{before});
  item.volume = PlannedVolume(item.volume.dtype, item.volume.channels,
                              moved(before, moves_to(before.affine, params.axcodes)), plan);
}

void Resized::apply_to(Dictionary::Item& item, std::size_t index, Workspace& workspace) const {
  const Geometry before = item.volume.geometry();
  item.volume = resize(item.volume, params[index], workspace);
  item.trace.push_back(AppliedResize{before, params[index]});
}

void Resized::plan_for(PlannedDictionary::Item& item, std::size_t index, MemoryPlan& plan) const {
  item.trace.push_back(AppliedResize{item.volume.geometry(), params[index]});
  item.volume = plan_resize(item.volume, params[index], plan);
}

namespace {

/// The size that keys of Spacingd after the first take over from it.
class SharedSize {
 public:
  explicit SharedSize(bool on) : on_(on) {}

  /// As MONAI compares: sizes, and voxel sizes to 1e-3 mm.
  std::optional<Int3> of(const Geometry& grid) const {
    if (!on_ || !first_ || first_->size != grid.size) return std::nullopt;
    const Vec3 a = spacing_mm(first_->affine), b = spacing_mm(grid.affine);
    for (std::size_t axis = 0; axis < 3; ++axis)
      if (!(std::abs(a[axis] - b[axis]) <= 1e-3 + 1e-5 * b[axis])) return std::nullopt;
    return size_;
  }
  void note(const Geometry& before, const Int3& after) {
    if (first_) return;
    first_ = before;
    size_ = after;
  }

 private:
  const bool on_;
  std::optional<Geometry> first_;
  Int3 size_{};
};

bool cropped(const SpatialTrace& trace) {
  return std::any_of(trace.begin(), trace.end(),
                     [](const AppliedTransform& step) { return std::holds_alternative<AppliedCrop>(step); });
}

}  // namespace

void Spacingd::apply(Dictionary& dictionary, JobContext& context) const {
  SharedSize shared(ensure_same_shape);
  for (std::size_t i = 0; i < keys().size(); ++i) {
    Dictionary::Item& item = dictionary.at(keys()[i]);
    const Geometry before = item.volume.geometry();
    item.volume = spacing(item.volume, params[i], context.workspace, shared.of(before));
    item.trace.push_back(AppliedSpacing{before, item.volume.geometry(), params[i].resampling});
    shared.note(before, item.volume.size());
  }
}

void Spacingd::plan(PlannedDictionary& dictionary, MemoryPlan& plan) const {
  SharedSize shared(ensure_same_shape);
  for (std::size_t i = 0; i < keys().size(); ++i) {
    PlannedDictionary::Item& item = dictionary.at(keys()[i]);
    const Geometry before = item.volume.geometry();
    Geometry after = spaced(before, params[i], shared.of(before));
    // Where a size comes out at half a voxel, the origin's rounding decides it, and a crop's origin is not known yet.
    if (cropped(item.trace))
      for (std::int32_t& n : after.size) n += n < std::numeric_limits<std::int32_t>::max();
    item.volume = plan_resample(item.volume, after, plan);
    item.trace.push_back(AppliedSpacing{before, after, params[i].resampling});
    shared.note(before, after.size);
  }
}

std::vector<std::string> CropForegroundd::reads() const {
  std::vector<std::string> result = keys();
  result.push_back(source_key);
  return result;
}

void CropForegroundd::apply(Dictionary& dictionary, JobContext& context) const {
  const Box box = foreground_box(dictionary.at(source_key).volume, params, context.workspace);
  for (std::size_t i = 0; i < keys().size(); ++i) {
    Dictionary::Item& item = dictionary.at(keys()[i]);
    const Geometry before = item.volume.geometry();
    item.volume = crop(item.volume, box, padding[i], context.workspace);
    item.trace.push_back(AppliedCrop{before, box});
  }
}

Int3 largest_crop(const Int3& size, const CropForeground& params) {
  Int3 result{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const int margin = params.margin[params.margin.size() == 1 ? 0 : axis];
    const int divisor = std::max(1, params.k_divisible[params.k_divisible.size() == 1 ? 0 : axis]);
    std::int64_t extent = std::int64_t{size[axis]} + (params.allow_smaller ? 0 : 2 * std::int64_t{margin});
    extent = (extent + divisor - 1) / divisor * divisor;
    if (extent > std::numeric_limits<std::int32_t>::max())
      fail(Code::invalid_argument, "CropForegroundd: an axis of ", extent, " voxels");
    result[axis] = static_cast<std::int32_t>(extent);
  }
  return result;
}

void CropForegroundd::plan(PlannedDictionary& dictionary, MemoryPlan& plan) const {
  const PlannedVolume& source = dictionary.at(source_key).volume;
  plan.scratch(foreground_box_scratch_bytes(source.channels, source.size));
  for (const std::string& key : keys()) {
    PlannedDictionary::Item& item = dictionary.at(key);
    const Geometry before = item.volume.geometry();
    const Int3 after = largest_crop(before.size, params);
    item.trace.push_back(AppliedCrop{before, Box{{0, 0, 0}, after}});
    item.volume = PlannedVolume(item.volume.dtype, item.volume.channels, {after, before.affine}, plan);
  }
}

void Invertd::apply(Dictionary& dictionary, JobContext& context) const {
  for (std::size_t i = 0; i < keys().size(); ++i) {
    Dictionary::Item& item = dictionary.at(keys()[i]);
    const SpatialTrace& trace = dictionary.at(orig_keys[i]).trace;
    item.volume = nearest_interp[i] && is_label_type(item.volume.dtype())
                      ? invert_labels(item.volume, trace, context.workspace)
                      : invert(item.volume, trace, nearest_interp[i], context.workspace);
    item.trace.clear();
  }
}

void Invertd::plan(PlannedDictionary& dictionary, MemoryPlan& plan) const {
  for (std::size_t i = 0; i < keys().size(); ++i) {
    PlannedDictionary::Item& item = dictionary.at(keys()[i]);
    const SpatialTrace trace = dictionary.at(orig_keys[i]).trace;
    // The caller's copy of the volume lives until the whole of it is undone.
    PlannedVolume volume = item.volume;
    for (auto applied = trace.rbegin(); applied != trace.rend(); ++applied) volume = plan_undo(*applied, volume, plan);
    item.volume = volume;
    item.trace.clear();
  }
}

namespace {

StepPtr orientation_step(Params& params) {
  return std::make_unique<Orientationd>(keys_of(params), read_params<OrientationParams>(params));
}

StepPtr resize_step(Params& params) {
  std::vector<std::string> keys = keys_of(params);
  auto per_key = params_per_key<Resize>(params, keys.size(),
                                        {"mode", "align_corners", "anti_aliasing", "anti_aliasing_sigma", "dtype"});
  return std::make_unique<Resized>(std::move(keys), std::move(per_key));
}

StepPtr spacing_step(Params& params) {
  std::vector<std::string> keys = keys_of(params);
  auto per_key =
      params_per_key<Spacing>(params, keys.size(), {"mode", "padding_mode", "align_corners", "dtype", "scale_extent"});
  const bool same_shape = params.flag("ensure_same_shape", true);
  return std::make_unique<Spacingd>(std::move(keys), std::move(per_key), same_shape);
}

StepPtr crop_foreground(Params& params) {
  std::vector<std::string> keys = keys_of(params);
  auto per_key = params_per_key<CropForeground>(params, keys.size(), {"mode"});
  std::vector<Padding> paddings;
  for (const CropForeground& own : per_key) paddings.push_back(own.padding);
  params.ignore({"start_coord_key", "end_coord_key"});
  return std::make_unique<CropForegroundd>(std::move(keys), params.text("source_key"), std::move(per_key[0]),
                                           std::move(paddings));
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

}  // namespace

StepFactories spatial_factories() {
  return {
      {"CropForegroundd", crop_foreground}, {"Invertd", invert_step},
      {"Orientationd", orientation_step},   {"Resized", resize_step},
      {"Spacingd", spacing_step},
  };
}

}  // namespace voxd
