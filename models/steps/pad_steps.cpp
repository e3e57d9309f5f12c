#include "models/steps/pad_steps.h"

#include "models/steps/step_factories.h"

namespace voxd {

template <class P>
void Pad<P>::apply_to(Dictionary::Item& item, std::size_t index, Workspace& workspace) const {
  const Geometry before = item.volume.geometry();
  const Box box = padded_box(before.size, params[index]);
  item.volume = crop(item.volume, box, params[index].padding, workspace);
  item.trace.push_back(AppliedPad{before, box});
}

template <class P>
void Pad<P>::plan_for(PlannedDictionary::Item& item, std::size_t index, MemoryPlan& plan) const {
  const Geometry before = item.volume.geometry();
  const Box box = padded_box(before.size, params[index]);
  item.trace.push_back(AppliedPad{before, box});
  if (box.size() != before.size)
    item.volume = PlannedVolume(item.volume.dtype, item.volume.channels, {box.size(), before.affine}, plan);
}

template class Pad<SpatialPad>;
template class Pad<DivisiblePad>;
template class Pad<BorderPad>;

namespace {

template <class P>
StepPtr pad(Params& params) {
  std::vector<std::string> keys = keys_of(params);
  auto per_key = params_per_key<P>(params, keys.size(), {"mode"});
  return std::make_unique<Pad<P>>(params.target(), std::move(keys), std::move(per_key));
}

}  // namespace

StepFactories pad_factories() {
  return {
      {"BorderPadd", pad<BorderPad>},
      {"DivisiblePadd", pad<DivisiblePad>},
      {"SpatialPadd", pad<SpatialPad>},
  };
}

}  // namespace voxd
