#include "models/step_kinds.h"

#include <algorithm>
#include <limits>

#include "gpu_transforms/scratch.h"

namespace voxd {
namespace {

PlannedVolume as_float32(const PlannedVolume& volume, MemoryPlan& plan) {
  return volume.dtype == DType::f32 ? volume : PlannedVolume(DType::f32, volume.channels, volume.size, plan);
}

std::int64_t scratch_of(const PlannedVolume&, const ScaleIntensityRange&) { return 0; }
std::int64_t scratch_of(const PlannedVolume& volume, const ScaleIntensityRangePercentiles& params) {
  return percentiles_scratch_bytes(params.channel_wise ? volume.channels : 1);
}
std::int64_t scratch_of(const PlannedVolume& volume, const NormalizeIntensity&) {
  return normalize_intensity_scratch_bytes(volume.channels, volume.size);
}

DeviceVolume apply_intensity(const DeviceVolume& volume, const ScaleIntensityRange& params, Workspace& workspace) {
  return scale_intensity_range(volume, params, workspace);
}
DeviceVolume apply_intensity(const DeviceVolume& volume, const ScaleIntensityRangePercentiles& params,
                             Workspace& workspace) {
  return scale_intensity_range_percentiles(volume, params, workspace);
}
DeviceVolume apply_intensity(const DeviceVolume& volume, const NormalizeIntensity& params, Workspace& workspace) {
  return normalize_intensity(volume, params, workspace);
}

PlannedVolume plan_resize(const PlannedVolume& volume, const Resize& params, MemoryPlan& plan) {
  const Int3 size = resized(volume.size, params);
  if (size == volume.size) return as_float32(volume, plan);
  const PlannedVolume input = as_float32(volume, plan);
  return {DType::f32, volume.channels, size, plan};
}

/// The size before one transform of a trace, and the volume that undoing it makes.
struct PlanUndo {
  const PlannedVolume& volume;
  MemoryPlan& plan;

  PlannedVolume operator()(const AppliedOrientation& applied) const { return same_type(applied.before.size); }
  PlannedVolume operator()(const AppliedCrop& applied) const { return same_type(applied.before.size); }
  PlannedVolume operator()(const AppliedResize& applied) const {
    if (applied.before.size == volume.size) return volume;
    const PlannedVolume input = as_float32(volume, plan);
    return {DType::f32, volume.channels, applied.before.size, plan};
  }
  PlannedVolume same_type(const Int3& size) const { return {volume.dtype, volume.channels, size, plan}; }
};

Geometry grid(const Int3& size) { return {size, identity_affine()}; }

}  // namespace

void KeyedStep::apply(Dictionary& dictionary, JobContext& context) const {
  for (std::size_t i = 0; i < keys().size(); ++i) apply_to(dictionary.at(keys()[i]), i, context.workspace);
}

void KeyedStep::plan(PlannedDictionary& dictionary, MemoryPlan& memory) const {
  for (std::size_t i = 0; i < keys().size(); ++i) plan_for(dictionary.at(keys()[i]), i, memory);
}

void ToFloat32::apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const {
  item.volume = to_float32(item.volume, workspace);
}

void ToFloat32::plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const {
  item.volume = as_float32(item.volume, plan);
}

template <class P>
void Intensity<P>::apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const {
  item.volume = apply_intensity(item.volume, params, workspace);
}

template <class P>
void Intensity<P>::plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const {
  const std::int64_t scratch = scratch_of(item.volume, params);
  PlannedVolume result(DType::f32, item.volume.channels, item.volume.size, plan);
  plan.scratch(scratch);
  item.volume = std::move(result);
}

template class Intensity<ScaleIntensityRange>;
template class Intensity<ScaleIntensityRangePercentiles>;
template class Intensity<NormalizeIntensity>;

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
  for (const std::string& key : keys()) {
    Dictionary::Item& item = dictionary.at(key);
    const Geometry before = item.volume.geometry();
    item.volume = crop(item.volume, box, params.value, context.workspace);
    item.trace.push_back(AppliedCrop{before, box});
  }
}

void CropForegroundd::plan(PlannedDictionary& dictionary, MemoryPlan& plan) const {
  const PlannedVolume& source = dictionary.at(source_key).volume;
  plan.scratch(foreground_box_scratch_bytes(source.channels, source.size));
  for (const std::string& key : keys()) {
    PlannedDictionary::Item& item = dictionary.at(key);
    Int3 largest = item.volume.size;
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const int margin = params.margin[params.margin.size() == 1 ? 0 : axis];
      const int divisor = std::max(1, params.k_divisible[params.k_divisible.size() == 1 ? 0 : axis]);
      std::int64_t extent = std::int64_t{largest[axis]} + (params.allow_smaller ? 0 : 2 * std::int64_t{margin});
      extent = (extent + divisor - 1) / divisor * divisor;
      if (extent > std::numeric_limits<std::int32_t>::max())
        fail(Code::invalid_argument, name(), ": an axis of ", extent, " voxels");
      largest[axis] = static_cast<std::int32_t>(extent);
    }
    item.trace.push_back(AppliedCrop{grid(item.volume.size), Box{{0, 0, 0}, largest}});
    item.volume = PlannedVolume(item.volume.dtype, item.volume.channels, largest, plan);
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

void Argmax::apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const {
  item.volume = argmax(item.volume, workspace);
}

void Argmax::plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const {
  const DType type = item.volume.channels > 256 ? DType::u16 : DType::u8;
  item.volume = PlannedVolume(type, 1, item.volume.size, plan);
}

void KeepLargestConnectedComponentd::apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const {
  item.volume = keep_largest_connected_component(item.volume, params, workspace);
}

void KeepLargestConnectedComponentd::plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const {
  PlannedVolume result(item.volume.dtype, item.volume.channels, item.volume.size, plan);
  plan.scratch(keep_largest_connected_component_scratch_bytes(item.volume.size));
  item.volume = std::move(result);
}

void LabelToContourd::apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const {
  item.volume = label_to_contour(item.volume, workspace);
}

void LabelToContourd::plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const {
  PlannedVolume result(item.volume.dtype, item.volume.channels, item.volume.size, plan);
  plan.scratch(label_to_contour_scratch_bytes(item.volume.channels, item.volume.size));
  item.volume = std::move(result);
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

}  // namespace voxd
