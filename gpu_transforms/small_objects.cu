#include <cmath>

#include "gpu_transforms/component_runs.h"
#include "gpu_transforms/extremes.h"
#include "gpu_transforms/foreground.h"
#include "gpu_transforms/label_counts.h"
#include "gpu_transforms/labels.h"

// Which of three things is to be done is known from the extremes of the values: nothing, counting components over all
// channels, or counting voxels by label.
namespace voxd {
namespace {

struct Nonzero {
  template <class T>
  VOXD_HD bool operator()(T value) const {
    return value != T{0};
  }
};

/// MONAI multiplies with the mask, which makes NaN of what is infinite.
struct Without {
  template <class T>
  VOXD_HD T operator()(T value) const {
    return value * T{0};
  }
};

struct WithoutNegatives {
  template <class T>
  VOXD_HD T operator()(T value) const {
    return value > T{0} ? value : static_cast<T>(value * T{0});
  }
};

template <class T>
struct EraseSmall {
  ComponentRuns components;
  std::uint64_t min_size;
  T* out;
  std::int32_t nz;

  VOXD_HD void operator()(std::int64_t r) const {
    for (std::int64_t i = components.row_begin[r]; i < components.row_begin[r + 1]; ++i) {
      if (components.voxels[components.root[i]] >= min_size) continue;
      T* row = out + r * nz;
      for (std::int32_t z = components.runs[i].first; z <= components.runs[i].last; ++z) row[z] = Without()(row[z]);
    }
  }
};

template <class T>
struct KeepFrequent {
  const std::uint64_t* counts;
  std::uint64_t min_size;
  VOXD_HD T operator()(T value) const {
    const std::int32_t label = label_of(value, true);
    return label != 0 && counts[label] >= min_size ? static_cast<T>(label) : T{0};
  }
};

/// One call of remove_small_objects, for voxels of type T.
template <class T>
class Remover {
 public:
  Remover(const DeviceVolume& labels, int connectivity, std::uint64_t min_size, Workspace& workspace)
      : labels_(labels), connectivity_(connectivity), min_size_(min_size), workspace_(workspace) {}

  DeviceVolume run(bool independent) {
    const Extremes found = extremes();
    if (found.low == found.high || labels_.count() == 1) return labels_;
    if (!independent) return by_component(IsPositive{}, WithoutNegatives{});
    return found.high <= 1 ? by_component(Nonzero{}, ToBinary{}) : by_label();
  }

 private:
  Extremes extremes() {
    const auto found = workspace_.allocate_array<Extremes>(1);
    find_extremes(labels_, 0, labels_.count(), found.get(), workspace_);
    return parallel::read_back(workspace_.stream(), found.get(), 1)[0];
  }

  DeviceVolume new_result() { return {labels_.dtype(), labels_.channels(), labels_.geometry(), workspace_}; }

  /// `prepared`: the values if nothing were small.
  template <class Foreground, class Prepare>
  DeviceVolume by_component(Foreground foreground, Prepare prepared) {
    const auto [nx, ny, nz] = labels_.size();
    const RowGrid grid{labels_.channels(), nx, ny};
    DeviceVolume result = new_result();
    Stream& stream = workspace_.stream();
    T* values = result.template mutable_data<T>();
    parallel::transform(stream, labels_.data<T>(), labels_.count(), values, prepared);
    const BitRowsMemory mask = allocate_bit_rows(grid.rows(), nz, workspace_);
    pack_rows(stream, labels_.data<T>(), mask.bits, foreground);
    const ComponentRunsMemory found = find_components(mask.bits, grid, connectivity_, workspace_);
    parallel::for_each_index(stream, grid.rows(), 8 * (found.components.count / grid.rows() + 1),
                             EraseSmall<T>{found.components, min_size_, values, nz});
    return result;
  }

  DeviceVolume by_label() {
    const auto counts = count_labels(labels_, labels_.channels(), true, workspace_);
    if (parallel::read_back(workspace_.stream(), counts.get() + kLabels, 1)[0] != 0)
      fail(Code::invalid_argument, "RemoveSmallObjects: of values above 1 every one must be in 0..65535");
    DeviceVolume result = new_result();
    parallel::transform(workspace_.stream(), labels_.data<T>(), labels_.count(), result.template mutable_data<T>(),
                        KeepFrequent<T>{counts.get(), min_size_});
    return result;
  }

  const DeviceVolume& labels_;
  const int connectivity_;
  const std::uint64_t min_size_;
  Workspace& workspace_;
};

/// The volume of a voxel where it counts, else 1.
double voxel_measure(const DeviceVolume& labels, const RemoveSmallObjects& params) {
  if (!params.by_measure) return 1;
  std::vector<double> mm;
  if (params.pixdim) {
    mm = *params.pixdim;
    if (mm.size() == 1) mm = {mm[0], mm[0], mm[0]};
    if (mm.size() != 3) fail(Code::invalid_argument, "pixdim: ", mm.size(), " values, must be 1 or 3");
  } else {
    const Vec3 spacing = spacing_mm(labels.geometry().affine);
    for (const double step : spacing) mm.push_back(step == 0 ? 1 : step);
  }
  const double volume = mm[0] * mm[1] * mm[2];
  return volume == 0 ? 1 : volume;
}

/// The smallest number of voxels that stays: beyond any volume's if all are to go.
std::uint64_t smallest_kept(const DeviceVolume& labels, const RemoveSmallObjects& params) {
  constexpr double kMost = 9e18;
  const double voxels = std::ceil(params.min_size / voxel_measure(labels, params));
  if (std::isnan(voxels)) fail(Code::invalid_argument, "min_size: not a number");
  return voxels <= 0 ? 0 : static_cast<std::uint64_t>(voxels < kMost ? voxels : kMost);
}

}  // namespace

DeviceVolume remove_small_objects(const DeviceVolume& labels, const RemoveSmallObjects& params, Workspace& workspace) {
  if (params.connectivity < 1 || params.connectivity > 4)
    fail(Code::invalid_argument, "connectivity: ", params.connectivity, ", must be 1 to 4");
  const std::uint64_t min_size = smallest_kept(labels, params);
  if (labels.empty()) fail(Code::invalid_argument, "RemoveSmallObjects: the volume is empty");
  const auto remove = [&](auto zero) {
    using T = decltype(zero);
    return Remover<T>(labels, params.connectivity, min_size, workspace).run(params.independent_channels);
  };
  switch (labels.dtype()) {
    case DType::u8: return remove(std::uint8_t{});
    case DType::u16: return remove(std::uint16_t{});
    case DType::f32: return remove(float{});
    default:
      fail(Code::invalid_argument, "RemoveSmallObjects: voxels of ", name_of(labels.dtype()),
           ", must be uint8, uint16 or float32");
  }
}

}  // namespace voxd
