#pragma once

#include <string>

#include "models/steps/step.h"

namespace voxd {

/// The steps that take the network's answer under `key` to probabilities on the grid that the chain `post` ends on: its
/// activation (the softmax where labels are an argmax of bare scores) and its Invertd, linear. Empty where `post` has
/// no AsDiscreted of that item.
Steps probability_steps(const Steps& post, const std::string& key);

}  // namespace voxd
