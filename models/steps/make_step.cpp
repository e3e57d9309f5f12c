#include "models/steps/step_factories.h"

namespace voxd {
namespace {

const StepFactories& table() {
  static const StepFactories entries = [] {
    StepFactories all;
    for (const StepFactories& family : {intensity_factories(), spatial_factories(), pad_factories(), label_factories(),
                                        item_factories(), lambda_factories()})
      all.insert(family.begin(), family.end());
    return all;
  }();
  return entries;
}

}  // namespace

std::vector<std::string> keys_of(Params& params) {
  params.require_off({"allow_missing_keys"});
  return params.texts("keys");
}

std::vector<std::string> supported_steps() {
  std::vector<std::string> names;
  for (const auto& [name, factory] : table()) names.push_back(name);
  return names;
}

StepPtr make_step(Params params) {
  const auto entry = table().find(params.target());
  if (entry == table().end()) {
    const std::string meant = nearest_name(params.target(), supported_steps());
    params.refuse(Code::unimplemented, "_target_",
                  "the transform '" + params.target() + "' is not supported" +
                      (meant.empty() ? "" : "; did you mean '" + meant + "'?"));
  }
  StepPtr step = entry->second(params);
  params.finish();
  return step;
}

}  // namespace voxd
