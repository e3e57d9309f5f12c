#pragma once

#include <functional>
#include <string_view>

#include "models/config.h"

namespace voxd {

/// What an expression may ask of the world around it.
struct ExpressionScope {
  std::function<ConfigValue(std::string_view id)> reference;  ///< the value of `@id`
  bool cuda_available = false;
};

/// Evaluates a `$` expression without its `$`: a closed subset of Python (see expression_help), never Python itself.
/// Only the branch that a conditional takes is evaluated. Results are bounded in size.
/// Throws Error{unimplemented} naming the first thing that is not in the subset, Error{invalid_argument} on operands
/// that do not go together.
ConfigValue evaluate_expression(std::string_view text, const ExpressionScope& scope);

/// What is supported, one line, for messages.
std::string_view expression_help();

}  // namespace voxd
