#include "models/steps/keyed_step.h"

namespace voxd {

void KeyedStep::apply(Dictionary& dictionary, JobContext& context) const {
  for (std::size_t i = 0; i < keys().size(); ++i) apply_to(dictionary.at(keys()[i]), i, context.workspace);
}

void KeyedStep::plan(PlannedDictionary& dictionary, MemoryPlan& memory) const {
  for (std::size_t i = 0; i < keys().size(); ++i) plan_for(dictionary.at(keys()[i]), i, memory);
}

PlannedVolume as_float32(const PlannedVolume& volume, MemoryPlan& plan) {
  return volume.dtype == DType::f32 ? volume : PlannedVolume(DType::f32, volume.channels, volume.geometry(), plan);
}

}  // namespace voxd
