#pragma once

#include <optional>

#include "gpu_transforms/volume/error.h"

namespace voxd::test {

/// With which code act() throws; empty if it does not.
template <class Act>
std::optional<Code> code_of(Act act) {
  try {
    act();
    return std::nullopt;
  } catch (const Error& error) {
    return error.code();
  }
}

}  // namespace voxd::test
