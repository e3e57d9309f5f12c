#include "models/steps/spatial_steps.h"

#include <algorithm>
#include <limits>

#include "gpu_transforms/scratch.h"
#include "models/steps/axis_orders.h"
#include "models/steps/step_factories.h"

namespace voxd {
namespace {

PlannedVolume plan_resize(const PlannedVolume& volume, const Resize& params, MemoryPlan& plan) {
  const Int3 size = resized(volume.size, params);
  if (size == volume.size) return as_float32(volume, plan);
  PlannedVolume input = as_float32(volume, plan);
  if (!smooths(volume.size, params)) return {DType::f32, volume.channels, size, plan};
  const PlannedVolume smoothed(DType::f32, volume.channels, volume.size, plan);
  plan.scratch(checked_sum(smoothed.bytes(), gaussian_kernels_bytes(volume.size), "memory plan"));
  input = {};
  return {DType::f32, volume.channels, size, plan};
}

/// The size before one transform of a trace, and the volume that undoing it makes.
struct PlanUndo {
  const PlannedVolume& volume;
  MemoryPlan& plan;

  PlannedVolume operator()(const AppliedOrientation& applied) const { return same_type(applied.before.size); }
  PlannedVolume operator()(const AppliedCrop& applied) const { return same_type(applied.before.size); }
  PlannedVolume operator()(const AppliedPad& applied) const { return same_type(applied.before.size); }
  PlannedVolume operator()(const AppliedResize& applied) const {
    if (applied.before.size == volume.size) return volume;
    const PlannedVolume input = as_float32(volume, plan);
    return {DType::f32, volume.channels, applied.before.size, plan};
  }
  PlannedVolume same_type(const Int3& size) const { return {volume.dtype, volume.channels, size, plan}; }
};

Geometry grid(const Int3& size) { return {size, identity_affine()}; }

}  // namespace

void Orientationd::apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const {
  const Geometry before = item.volume.geometry();
  item.volume = orientation(item.volume, params.axcodes, workspace);
  item.trace.push_back(AppliedOrientation{before});
}

void Orientationd::plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const {
  // Axes may be swapped, which the plan cannot know: the number of voxels stays.
  item.trace.push_back(AppliedOrientation{grid(item.volume.size)});
  item.volume = PlannedVolume(item.volume.dtype, item.volume.channels, item.volume.size, plan);
}

void Resized::apply_to(Dictionary::Item& item, std::size_t index, Workspace& workspace) const {
  const Geometry before = item.volume.geometry();
  item.volume = resize(item.volume, params[index], workspace);
  item.trace.push_back(AppliedResize{before, params[index]});
}

void Resized::plan_for(PlannedDictionary::Item& item, std::size_t index, MemoryPlan& plan) const {
  item.trace.push_back(AppliedResize{grid(item.volume.size), params[index]});
  item.volume = plan_resize(item.volume, params[index], plan);
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

Int3 CropForegroundd::largest(const Int3& size) const {
  Int3 result{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const int margin = params.margin[params.margin.size() == 1 ? 0 : axis];
    const int divisor = std::max(1, params.k_divisible[params.k_divisible.size() == 1 ? 0 : axis]);
    std::int64_t extent = std::int64_t{size[axis]} + (params.allow_smaller ? 0 : 2 * std::int64_t{margin});
    extent = (extent + divisor - 1) / divisor * divisor;
    if (extent > std::numeric_limits<std::int32_t>::max())
      fail(Code::invalid_argument, name(), ": an axis of ", extent, " voxels");
    result[axis] = static_cast<std::int32_t>(extent);
  }
  return result;
}

void CropForegroundd::plan(PlannedDictionary& dictionary, MemoryPlan& plan) const {
  const PlannedVolume& source = dictionary.at(source_key).volume;
  plan.scratch(foreground_box_scratch_bytes(source.channels, source.size));
  for (const std::string& key : keys()) {
    PlannedDictionary::Item& item = dictionary.at(key);
    const Int3 before = worst_axis_order(item, [this](const Int3& size) { return largest(size); });
    item.trace.push_back(AppliedCrop{grid(before), Box{{0, 0, 0}, largest(before)}});
    item.volume = PlannedVolume(item.volume.dtype, item.volume.channels, largest(before), plan);
  }
}

void Invertd::apply(Dictionary& dictionary, JobContext& context) const {
  for (std::size_t i = 0; i < keys().size(); ++i) {
    Dictionary::Item& item = dictionary.at(keys()[i]);
    item.volume = invert(item.volume, dictionary.at(orig_keys[i]).trace, nearest_interp[i], context.workspace);
    item.trace.clear();
  }
}

void Invertd::plan(PlannedDictionary& dictionary, MemoryPlan& plan) const {
  for (std::size_t i = 0; i < keys().size(); ++i) {
    PlannedDictionary::Item& item = dictionary.at(keys()[i]);
    const SpatialTrace trace = dictionary.at(orig_keys[i]).trace;
    // The caller's copy of the volume lives until the whole of it is undone.
    PlannedVolume volume = item.volume;
    for (auto applied = trace.rbegin(); applied != trace.rend(); ++applied)
      volume = std::visit(PlanUndo{volume, plan}, *applied);
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
  std::vector<Padding> paddings;
  CropForeground crop;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    Params own = params.for_key(i, keys.size(), {"mode"});
    crop = read_params<CropForeground>(own);
    paddings.push_back(crop.padding);
  }
  params.ignore({"start_coord_key", "end_coord_key"});
  return std::make_unique<CropForegroundd>(std::move(keys), params.text("source_key"), std::move(crop),
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
      {"CropForegroundd", crop_foreground},
      {"Invertd", invert_step},
      {"Orientationd", orientation_step},
      {"Resized", resize_step},
  };
}

}  // namespace voxd
