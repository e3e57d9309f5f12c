#include "models/steps/label_steps.h"

#include "gpu_transforms/scratch.h"
#include "models/steps/step_factories.h"

namespace voxd {

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

namespace {

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

}  // namespace

StepFactories label_factories() {
  return {
      {"AsDiscreted", as_discrete},
      {"KeepLargestConnectedComponentd", keep_largest},
      {"LabelToContourd", contour},
  };
}

}  // namespace voxd
