#pragma once

#include "gpu_transforms/backend.h"

// What several transforms ask of a voxel, or make of it.
namespace voxd {

/// NaN is not.
struct IsPositive {
  template <class T>
  VOXD_HD bool operator()(T value) const {
    return value > T{0};
  }
};

/// 1 for all that is not 0, NaN too.
struct ToBinary {
  template <class T>
  VOXD_HD T operator()(T value) const {
    return value != T{0} ? T{1} : T{0};
  }
};

}  // namespace voxd
