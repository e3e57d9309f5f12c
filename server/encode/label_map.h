#pragma once

#include "gpu_transforms/volume/host_volume.h"

namespace voxd {

/// A result of any type as the labels that its values are nearest to (halves to even), uint8, or uint16 where one is
/// above 255: a chain that interpolates a label map on the way back has fractions in it. Throws Error{invalid_argument}
/// for several channels, and for a value that is not nearest to a label 0..65535.
HostVolume nearest_labels(const HostVolume& result);

/// A result as a label map: itself where it is one, else nearest_labels of it. Must not outlive the result.
class LabelMap {
 public:
  explicit LabelMap(const HostVolume& result)
      : result_(result), nearest_(is_label_type(result.dtype) ? HostVolume{} : nearest_labels(result)) {}
  const HostVolume& operator*() const { return is_label_type(result_.dtype) ? result_ : nearest_; }

 private:
  const HostVolume& result_;
  const HostVolume nearest_;
};

}  // namespace voxd
