#include "models/steps/intensity_steps.h"

#include "gpu_transforms/scratch.h"
#include "models/steps/step_factories.h"

namespace voxd {
namespace {

std::int64_t scratch_of(const PlannedVolume& volume, const ScaleIntensity&) {
  return scale_intensity_scratch_bytes(volume.channels, volume.size);
}
std::int64_t scratch_of(const PlannedVolume&, const ScaleIntensityRange&) { return 0; }
std::int64_t scratch_of(const PlannedVolume& volume, const ScaleIntensityRangePercentiles& params) {
  return percentiles_scratch_bytes(params.channel_wise ? volume.channels : 1);
}
std::int64_t scratch_of(const PlannedVolume& volume, const NormalizeIntensity&) {
  return normalize_intensity_scratch_bytes(volume.channels, volume.size);
}

DeviceVolume apply_intensity(const DeviceVolume& volume, const ScaleIntensity& params, Workspace& workspace) {
  return scale_intensity(volume, params, workspace);
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

}  // namespace

template <class P>
void Intensity<P>::apply_to(Dictionary::Item& item, std::size_t, Workspace& workspace) const {
  item.volume = apply_intensity(item.volume, params, workspace);
}

template <class P>
void Intensity<P>::plan_for(PlannedDictionary::Item& item, std::size_t, MemoryPlan& plan) const {
  const std::int64_t scratch = scratch_of(item.volume, params);
  PlannedVolume result(DType::f32, item.volume.channels, item.volume.geometry(), plan);
  plan.scratch(scratch);
  item.volume = std::move(result);
}

template class Intensity<ScaleIntensity>;
template class Intensity<ScaleIntensityRange>;
template class Intensity<ScaleIntensityRangePercentiles>;
template class Intensity<NormalizeIntensity>;

namespace {

template <class P>
StepPtr intensity(Params& params) {
  return std::make_unique<Intensity<P>>(params.target(), keys_of(params), read_params<P>(params));
}

}  // namespace

StepFactories intensity_factories() {
  return {
      {"NormalizeIntensityd", intensity<NormalizeIntensity>},
      {"ScaleIntensityd", intensity<ScaleIntensity>},
      {"ScaleIntensityRanged", intensity<ScaleIntensityRange>},
      {"ScaleIntensityRangePercentilesd", intensity<ScaleIntensityRangePercentiles>},
  };
}

}  // namespace voxd
