#pragma once

#include <algorithm>

#include "models/steps/step.h"

// Orientationd may have swapped an image's axes, in a way that only its affine tells: a plan must count with any.
namespace voxd {

/// The order of the planned item's axes that makes most voxels of `resulting(size)`; its own order if they cannot have
/// been swapped.
template <class F>
Int3 worst_axis_order(const PlannedDictionary::Item& item, F resulting) {
  const Int3 size = item.volume.size;
  const bool known = std::none_of(item.trace.begin(), item.trace.end(), [](const AppliedTransform& applied) {
    return std::holds_alternative<AppliedOrientation>(applied);
  });
  if (known) return size;
  const auto voxels = [&](const Int3& order) {
    const Int3 result = resulting(order);
    return checked_product({result[0], result[1], result[2]}, "memory plan");
  };
  Int3 order = size, worst = size;
  std::sort(order.begin(), order.end());
  do {
    if (voxels(order) > voxels(worst)) worst = order;
  } while (std::next_permutation(order.begin(), order.end()));
  return worst;
}

}  // namespace voxd
