#include "server/encode/label_map.h"

#include <algorithm>
#include <cmath>

namespace voxd {
namespace {

constexpr double kMostLabel = 65535;

double label_near(double value) {
  const double label = std::nearbyint(value);
  // Written so that NaN is none either.
  if (!(label >= 0 && label <= kMostLabel))
    fail(Code::invalid_argument, "label map: a voxel is ", value, ", not near to a label in 0..", kMostLabel);
  return label;
}

template <class Label, class Values>
HostVolume as_labels(const Values& values, const Geometry& geometry) {
  HostVolume labels = make_host_volume(dtype_of<Label>, 1, geometry);
  std::transform(values.begin(), values.end(), labels.as<Label>().begin(),
                 [](auto value) { return static_cast<Label>(std::nearbyint(static_cast<double>(value))); });
  return labels;
}

}  // namespace

HostVolume nearest_labels(const HostVolume& result) {
  if (result.channels != 1) fail(Code::invalid_argument, "label map: ", result.channels, " channels, one expected");
  HostVolume labels;
  visit_dtype(result.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto values = result.as<T>();
    double most = 0;
    for (const T value : values) most = std::max(most, label_near(static_cast<double>(value)));
    labels = most > 255 ? as_labels<std::uint16_t>(values, result.geometry)
                        : as_labels<std::uint8_t>(values, result.geometry);
  });
  return labels;
}

}  // namespace voxd
