#include <limits>

#include "gpu_transforms/extremes.h"
#include "gpu_transforms/flat_rows.h"

// One pass in which each lane keeps the smallest and the largest that it has met; a NaN replaces both and stays,
// because no comparison with it holds.
namespace voxd {
namespace {

VOXD_HD void include(Extremes& extremes, float low, float high) {
  extremes.low = (low < extremes.low) | (low != low) ? low : extremes.low;
  extremes.high = (high > extremes.high) | (high != high) ? high : extremes.high;
}

template <class T>
struct FindExtremes {
  using Value = Extremes;
  const T* values;
  std::int64_t count;

  struct Row {
    const T* values;
    std::int32_t length;
    VOXD_HD std::int32_t size() const { return length; }
    VOXD_HD void add(Extremes& extremes, std::int32_t z) const {
      const float v = static_cast<float>(values[z]);
      include(extremes, v, v);
    }
  };
  VOXD_HD Row row(std::int64_t r) const {
    const FlatPart part = flat_part(r, count);
    return {values + part.begin, part.length};
  }
  VOXD_HD Extremes identity() const {
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    return {kInfinity, -kInfinity};
  }
  VOXD_HD Extremes join(Extremes a, const Extremes& b) const {
    include(a, b.low, b.high);
    return a;
  }
};

}  // namespace

void find_extremes(const DeviceVolume& volume, std::int64_t first, std::int64_t count, Extremes* out,
                   Workspace& workspace) {
  visit_dtype(volume.dtype(), [&](auto zero) {
    using T = decltype(zero);
    parallel::reduce_rows(workspace, parallel::ceil_div(count, kFlatRow), kFlatRow,
                          FindExtremes<T>{volume.data<T>() + first, count}, out);
  });
}

}  // namespace voxd
