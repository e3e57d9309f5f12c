#include <limits>

#include "gpu_transforms/component_runs.h"
#include "gpu_transforms/foreground.h"
#include "gpu_transforms/label_counts.h"
#include "gpu_transforms/labels.h"
#include "gpu_transforms/parallel.h"

namespace voxd {
namespace {

constexpr int kMostComponents = 256;  // each costs a pass over the runs

template <class T>
struct EqualTo {
  T label;
  VOXD_HD bool operator()(T value) const { return value == label; }
};

/// Marks the runs of the components whose key is below the threshold.
struct MarkSmaller {
  ComponentRuns components;
  const std::uint64_t* threshold;
  BitRows smaller;

  VOXD_HD void operator()(std::int64_t r) const {
    const std::uint64_t limit = *threshold;
    std::uint64_t* row = smaller.words + r * smaller.words_per_row();
    for (std::int64_t i = components.row_begin[r]; i < components.row_begin[r + 1]; ++i)
      if (key_of(components, components.root[i]) < limit)
        set_range(row, components.runs[i].first, components.runs[i].last);
  }
};

/// Adds up the runs that are roots.
struct CountRoots {
  using Value = std::int64_t;
  const std::uint32_t* voxels;
  VOXD_HD Value identity() const { return 0; }
  VOXD_HD Value join(Value a, Value b) const { return a + b; }
  VOXD_HD Value value(std::int64_t i) const { return voxels[i] != 0 ? 1 : 0; }
};

template <class T>
std::map<int, std::int64_t> counts_of(const DeviceVolume& labels, Workspace& workspace) {
  const Int3& size = labels.size();
  const BitRowsMemory mask = allocate_bit_rows(std::int64_t{size[0]} * size[1], size[2], workspace);
  const auto roots = workspace.allocate_array<std::int64_t>(1);
  std::map<int, std::int64_t> counts;
  for (const int label : labels_that_occur(labels, "component count", workspace)) {
    pack_rows(workspace.stream(), labels.data<T>(), mask.bits, EqualTo<T>{static_cast<T>(label)}, false);
    const ComponentRunsMemory found = find_components(mask.bits, {1, size[0], size[1]}, 3, workspace);
    parallel::reduce(workspace.stream(), found.components.count, CountRoots{found.components.voxels}, roots.get());
    counts[label] = parallel::read_back(workspace.stream(), roots.get(), 1)[0];
  }
  return counts;
}

template <class T>
struct Zero {
  VOXD_HD T operator()(T) const { return T{0}; }
};

/// One call of keep_largest_connected_component, for voxels of type T.
template <class T>
class Keeper {
 public:
  Keeper(const DeviceVolume& labels, const KeepLargestConnectedComponent& params, Workspace& workspace)
      : labels_(labels),
        params_(params),
        workspace_(workspace),
        nz_(labels.size()[2]),
        rows_(std::int64_t{labels.size()[0]} * labels.size()[1]),
        onehot_(params.is_onehot.value_or(labels.channels() > 1)),
        result_(labels.dtype(), labels.channels(), labels.geometry(), workspace),
        mask_(allocate_bit_rows(rows_, nz_, workspace)),
        smaller_(allocate_bit_rows(rows_, nz_, workspace)),
        threshold_(workspace.allocate_array<std::uint64_t>(1)),
        written_(static_cast<std::size_t>(labels.channels())) {}

  DeviceVolume run() {
    const std::vector<int> applied = applied_labels();
    if (params_.independent && onehot_) {
      for (const int channel : applied) {
        clear_bits(workspace_.stream(), smaller_.bits);
        pack(channel, false);
        mark_smaller();
        write(channel);
      }
    } else {
      clear_bits(workspace_.stream(), smaller_.bits);
      for (std::size_t i = 0; i < applied.size(); ++i) {
        pack(applied[i], !params_.independent && i > 0);
        if (params_.independent || i + 1 == applied.size()) mark_smaller();
      }
      for (const int channel : onehot_ ? applied : std::vector<int>{0}) write(channel);
    }
    copy_the_rest();
    return result_;
  }

 private:
  std::vector<int> applied_labels() {
    if (!params_.applied_labels)
      return onehot_ ? channels_that_occur(labels_, workspace_)
                     : labels_that_occur(labels_, "KeepLargestConnectedComponent", workspace_);
    std::vector<int> applied = *params_.applied_labels;
    if (onehot_)
      for (int& channel : applied) channel = channel_at(channel, labels_.channels());
    return applied;
  }

  /// The foreground of one label into the mask, or added to it.
  void pack(int label, bool accumulate) {
    const T* in = labels_.data<T>() + (onehot_ ? label * labels_.geometry().voxels() : 0);
    Stream& stream = workspace_.stream();
    if (onehot_ && params_.independent) return pack_rows(stream, in, mask_.bits, IsPositive{}, accumulate);
    const int wanted = onehot_ ? 1 : label;
    // A label that T cannot hold does not occur; its mask must still be made.
    const bool possible = std::is_floating_point_v<T> ||
                          (wanted >= 0 && wanted <= static_cast<int>(std::numeric_limits<std::uint16_t>::max()) &&
                           static_cast<int>(static_cast<T>(wanted)) == wanted);
    if (possible) {
      pack_rows(stream, in, mask_.bits, EqualTo<T>{static_cast<T>(wanted)}, accumulate);
    } else if (!accumulate) {
      clear_bits(stream, mask_.bits);
    }
  }

  /// Adds to the marked voxels what belongs to smaller components of the mask.
  void mark_smaller() {
    const Int3& size = labels_.size();
    const ComponentRunsMemory found =
        find_components(mask_.bits, {1, size[0], size[1]}, params_.connectivity, workspace_);
    if (found.components.count <= params_.num_components) return;
    nth_largest(found.components, params_.num_components, threshold_.get(), workspace_);
    parallel::for_each_index(workspace_.stream(), rows_, 8 * (found.components.count / rows_ + 1),
                             MarkSmaller{found.components, threshold_.get(), smaller_.bits});
  }

  /// A channel of the result, with 0 where voxels are marked.
  void write(int channel) {
    const std::int64_t first = channel * labels_.geometry().voxels();
    change_rows(workspace_.stream(), labels_.data<T>() + first, smaller_.bits,
                result_.template mutable_data<T>() + first, Zero<T>{});
    written_[static_cast<std::size_t>(channel)] = true;
  }

  void copy_the_rest() {
    const std::int64_t voxels = labels_.geometry().voxels();
    for (std::int32_t channel = 0; channel < labels_.channels(); ++channel)
      if (!written_[static_cast<std::size_t>(channel)])
        copy_bytes(result_.template mutable_data<T>() + channel * voxels, labels_.data<T>() + channel * voxels,
                   static_cast<std::size_t>(voxels) * sizeof(T), Direction::on_device, workspace_.stream());
  }

  const DeviceVolume& labels_;
  const KeepLargestConnectedComponent& params_;
  Workspace& workspace_;
  const std::int32_t nz_;
  const std::int64_t rows_;
  const bool onehot_;
  DeviceVolume result_;
  BitRowsMemory mask_, smaller_;
  std::shared_ptr<std::uint64_t> threshold_;
  std::vector<bool> written_;  // channels of the result
};

}  // namespace

DeviceVolume keep_largest_connected_component(const DeviceVolume& labels, const KeepLargestConnectedComponent& params,
                                              Workspace& workspace) {
  if (params.num_components < 1 || params.num_components > kMostComponents)
    fail(Code::invalid_argument, "num_components: ", params.num_components, ", must be 1 to ", kMostComponents);
  if (params.connectivity < 1 || params.connectivity > 3)
    fail(Code::invalid_argument, "connectivity: ", params.connectivity, ", must be 1, 2 or 3");
  if (labels.empty()) return labels;
  switch (labels.dtype()) {
    case DType::u8: return Keeper<std::uint8_t>(labels, params, workspace).run();
    case DType::u16: return Keeper<std::uint16_t>(labels, params, workspace).run();
    case DType::f32: return Keeper<float>(labels, params, workspace).run();
    default:
      fail(Code::invalid_argument, "KeepLargestConnectedComponent: voxels of ", name_of(labels.dtype()),
           ", must be uint8, uint16 or float32");
  }
}

std::map<int, std::int64_t> count_components(const DeviceVolume& labels, Workspace& workspace) {
  if (labels.channels() != 1)
    fail(Code::invalid_argument, "component count: ", labels.channels(), " channels, must be 1");
  if (labels.empty()) return {};
  switch (labels.dtype()) {
    case DType::u8: return counts_of<std::uint8_t>(labels, workspace);
    case DType::u16: return counts_of<std::uint16_t>(labels, workspace);
    default:
      fail(Code::invalid_argument, "component count: voxels of ", name_of(labels.dtype()), ", must be uint8 or uint16");
  }
}

}  // namespace voxd
