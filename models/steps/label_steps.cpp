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

namespace {

DeviceVolume changed(const DeviceVolume& volume, const KeepLargestConnectedComponent& params, Workspace& workspace) {
  return keep_largest_connected_component(volume, params, workspace);
}
DeviceVolume changed(const DeviceVolume& volume, const FillHoles& params, Workspace& workspace) {
  return fill_holes(volume, params, workspace);
}
DeviceVolume changed(const DeviceVolume& volume, const RemoveSmallObjects& params, Workspace& workspace) {
  return remove_small_objects(volume, params, workspace);
}
DeviceVolume changed(const DeviceVolume& volume, const LabelToContourParams&, Workspace& workspace) {
  return label_to_contour(volume, workspace);
}

std::int64_t scratch_of(const PlannedVolume& volume, const KeepLargestConnectedComponent&) {
  return keep_largest_connected_component_scratch_bytes(volume.size);
}
std::int64_t scratch_of(const PlannedVolume& volume, const FillHoles&) {
  return fill_holes_scratch_bytes(volume.channels, volume.size);
}
std::int64_t scratch_of(const PlannedVolume& volume, const RemoveSmallObjects&) {
  return remove_small_objects_scratch_bytes(volume.channels, volume.size);
}
std::int64_t scratch_of(const PlannedVolume& volume, const LabelToContourParams&) {
  return label_to_contour_scratch_bytes(volume.channels, volume.size);
}

}  // namespace

template <class P>
void LabelMapStep<P>::apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const {
  item.volume = changed(item.volume, params, workspace);
}

template <class P>
void LabelMapStep<P>::plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const {
  PlannedVolume result(item.volume.dtype, item.volume.channels, item.volume.geometry(), plan);
  plan.scratch(scratch_of(item.volume, params));
  item.volume = std::move(result);
}

template class LabelMapStep<KeepLargestConnectedComponent>;
template class LabelMapStep<FillHoles>;
template class LabelMapStep<RemoveSmallObjects>;
template class LabelMapStep<LabelToContourParams>;

namespace {

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

template <class P>
StepPtr label_map(Params& params) {
  return std::make_unique<LabelMapStep<P>>(params.target(), keys_of(params), read_params<P>(params));
}

StepPtr without_small_objects(Params& params) {
  auto own = read_params<RemoveSmallObjects>(params);
  own.pixdim.reset();  // MONAI does not look at it where an image has an affine, and after LoadImaged every one has
  return std::make_unique<LabelMapStep<RemoveSmallObjects>>(params.target(), keys_of(params), std::move(own));
}

}  // namespace

StepFactories label_factories() {
  return {
      {"Activationsd", activation},
      {"AsDiscreted", discrete},
      {"FillHolesd", label_map<FillHoles>},
      {"KeepLargestConnectedComponentd", label_map<KeepLargestConnectedComponent>},
      {"LabelToContourd", label_map<LabelToContourParams>},
      {"RemoveSmallObjectsd", without_small_objects},
  };
}

}  // namespace voxd
