#include "models/probability.h"

#include <algorithm>

#include "models/steps/label_steps.h"
#include "models/steps/spatial_steps.h"

namespace voxd {
namespace {

/// Where `key` stands among the step's, -1 if it does not.
std::ptrdiff_t index_of(const Step& step, const std::string& key) {
  const auto found = std::find(step.keys().begin(), step.keys().end(), key);
  return found == step.keys().end() ? -1 : found - step.keys().begin();
}

Activations softmax() {
  Activations params;
  params.softmax = true;
  return params;
}

}  // namespace

Steps probability_steps(const Steps& post, const std::string& key) {
  Steps steps;
  bool activated = false, discrete = false;
  for (const auto& step : post) {
    const std::ptrdiff_t index = index_of(*step, key);
    if (index < 0) continue;
    const auto i = static_cast<std::size_t>(index);
    if (const auto* activation = dynamic_cast<const Activationsd*>(step.get()); activation && !discrete) {
      activated |= activation->params[i].softmax || activation->params[i].sigmoid;
      steps.push_back(std::make_unique<Activationsd>(std::vector{key}, std::vector{activation->params[i]}));
    } else if (const auto* invert = dynamic_cast<const Invertd*>(step.get())) {
      steps.push_back(
          std::make_unique<Invertd>(std::vector{key}, std::vector{invert->orig_keys[i]}, std::vector<bool>{false}));
    } else if (const auto* labels = dynamic_cast<const AsDiscreted*>(step.get()); labels && !discrete) {
      discrete = true;
      if (labels->params[i].argmax && !activated)
        steps.insert(steps.begin(), std::make_unique<Activationsd>(std::vector{key}, std::vector{softmax()}));
    }
  }
  if (!discrete) steps.clear();
  return steps;
}

}  // namespace voxd
