#include "models/steps/label_steps.h"

#include "gpu_transforms/scratch.h"
#include "models/steps/step_factories.h"

namespace voxd {

void Activationsd::apply_to(Dictionary::Item& item, std::size_t index, Workspace& workspace) const {
  item.volume = activations(item.volume, params[index], workspace);
}

void Activationsd::plan_for(PlannedDictionary::Item& item, std::size_t index, MemoryPlan& plan) const {
  if (!params[index].sigmoid && !params[index].softmax) return;
  const DType type = item.volume.dtype;
  PlannedVolume result(DType::f32, item.volume.channels, item.volume.geometry(), plan);
  if (type != DType::f32 && type != DType::u8 && type != DType::u16)
    result = PlannedVolume(type, result.channels, result.geometry(), plan);
  item.volume = std::move(result);
}

void AsDiscreted::apply_to(Dictionary::Item& item, std::size_t index, Workspace& workspace) const {
  item.volume = as_discrete(item.volume, params[index], workspace);
}

void AsDiscreted::plan_for(PlannedDictionary::Item& item, std::size_t index, MemoryPlan& plan) const {
  const AsDiscrete& p = params[index];
  const PlannedVolume& in = item.volume;
  PlannedVolume result = in;
  if (p.argmax) {
    const PlannedVolume values = as_float32(in, plan);
    result = PlannedVolume(in.channels > 256 ? DType::u16 : DType::u8, 1, in.geometry(), plan);
  }
  if (p.to_onehot) {
    const bool small = result.dtype == DType::u8 || result.dtype == DType::u16;
    const PlannedVolume values = small ? result : as_float32(result, plan);
    result = PlannedVolume(DType::u8, *p.to_onehot, in.geometry(), plan);
  }
  if (p.threshold) result = PlannedVolume(DType::u8, result.channels, in.geometry(), plan);
  if (p.rounding && (result.dtype == DType::f32 || result.dtype == DType::f64))
    result = PlannedVolume(DType::f32, result.channels, in.geometry(), plan);
  if (result.dtype != p.dtype && !keeps_labels(p.dtype, result.dtype))
    result = PlannedVolume(p.dtype, result.channels, in.geometry(), plan);
  item.volume = std::move(result);
}

void KeepLargestConnectedComponentd::apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const {
  item.volume = keep_largest_connected_component(item.volume, params, workspace);
}

void KeepLargestConnectedComponentd::plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const {
  PlannedVolume result(item.volume.dtype, item.volume.channels, item.volume.geometry(), plan);
  plan.scratch(keep_largest_connected_component_scratch_bytes(item.volume.size));
  item.volume = std::move(result);
}

void FillHolesd::apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const {
  item.volume = fill_holes(item.volume, params, workspace);
}

void FillHolesd::plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const {
  PlannedVolume result(item.volume.dtype, item.volume.channels, item.volume.geometry(), plan);
  plan.scratch(fill_holes_scratch_bytes(item.volume.channels, item.volume.size));
  item.volume = std::move(result);
}

void RemoveSmallObjectsd::apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const {
  item.volume = remove_small_objects(item.volume, params, workspace);
}

void RemoveSmallObjectsd::plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const {
  PlannedVolume result(item.volume.dtype, item.volume.channels, item.volume.geometry(), plan);
  plan.scratch(remove_small_objects_scratch_bytes(item.volume.channels, item.volume.size));
  item.volume = std::move(result);
}

void LabelToContourd::apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const {
  item.volume = label_to_contour(item.volume, workspace);
}

void LabelToContourd::plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const {
  PlannedVolume result(item.volume.dtype, item.volume.channels, item.volume.geometry(), plan);
  plan.scratch(label_to_contour_scratch_bytes(item.volume.channels, item.volume.size));
  item.volume = std::move(result);
}

namespace {

/// One set of parameters per key.
template <class P>
std::vector<P> params_per_key(const Params& params, std::size_t keys, std::initializer_list<std::string_view> names) {
  std::vector<P> result;
  for (std::size_t i = 0; i < keys; ++i) {
    Params own = params.for_key(i, keys, names);
    result.push_back(read_params<P>(own));
  }
  return result;
}

StepPtr activation(Params& params) {
  std::vector<std::string> keys = keys_of(params);
  auto per_key = params_per_key<Activations>(params, keys.size(), {"sigmoid", "softmax", "other"});
  for (const Activations& own : per_key)
    if (own.sigmoid && own.softmax) params.refuse(Code::invalid_argument, "softmax", "not together with sigmoid");
  return std::make_unique<Activationsd>(std::move(keys), std::move(per_key));
}

StepPtr discrete(Params& params) {
  std::vector<std::string> keys = keys_of(params);
  auto per_key = params_per_key<AsDiscrete>(params, keys.size(), {"argmax", "to_onehot", "threshold", "rounding"});
  return std::make_unique<AsDiscreted>(std::move(keys), std::move(per_key));
}

StepPtr keep_largest(Params& params) {
  return std::make_unique<KeepLargestConnectedComponentd>(keys_of(params),
                                                          read_params<KeepLargestConnectedComponent>(params));
}

StepPtr without_holes(Params& params) {
  return std::make_unique<FillHolesd>(keys_of(params), read_params<FillHoles>(params));
}

StepPtr without_small_objects(Params& params) {
  auto own = read_params<RemoveSmallObjects>(params);
  own.pixdim.reset();  // MONAI does not look at it where an image has an affine, and after LoadImaged every one has
  return std::make_unique<RemoveSmallObjectsd>(keys_of(params), std::move(own));
}

StepPtr contour(Params& params) {
  read_params<LabelToContourParams>(params);
  return std::make_unique<LabelToContourd>(keys_of(params));
}

}  // namespace

StepFactories label_factories() {
  return {
      {"Activationsd", activation},  {"AsDiscreted", discrete},
      {"FillHolesd", without_holes}, {"KeepLargestConnectedComponentd", keep_largest},
      {"LabelToContourd", contour},  {"RemoveSmallObjectsd", without_small_objects},
  };
}

}  // namespace voxd
