#include <cmath>
#include <limits>

#include "gpu_transforms/component_runs.h"
#include "gpu_transforms/labels.h"
#include "gpu_transforms/parallel.h"

namespace voxd {
namespace {

constexpr int kMostComponents = 256;  // each costs a pass over the runs
constexpr std::int32_t kLabels = 65536;

template <class T>
struct EqualTo {
  T label;
  VOXD_HD bool operator()(T value) const { return value == label; }
};

struct Positive {
  template <class T>
  VOXD_HD bool operator()(T value) const {
    return value > T{0};
  }
};

/// Zeroes the runs of the components whose key is below the threshold.
template <class T>
struct EraseSmaller {
  ComponentRuns components;
  const std::uint64_t* threshold;
  T* out;
  std::int32_t nz;

  VOXD_HD void operator()(std::int64_t r) const {
    for (std::int64_t i = components.row_begin[r]; i < components.row_begin[r + 1]; ++i) {
      if (key_of(components, components.root[i]) >= *threshold) continue;
      T* row = out + r * nz;
      for (std::int32_t z = components.runs[i].first; z <= components.runs[i].last; ++z) row[z] = T{0};
    }
  }
};

/// Marks the labels that occur; anything that is no label marks the entry behind the last.
template <class T>
struct MarkLabels {
  const T* in;
  std::uint32_t* occurs;

  struct Row {
    const T* in;
    std::uint32_t* occurs;
    VOXD_HD void operator()(std::int32_t z) const {
      const T value = in[z];
      std::int32_t label = 0;
      if constexpr (std::is_floating_point_v<T>) {
        const bool whole = value >= 0 && value < kLabels && value == floorf(value);
        label = whole ? static_cast<std::int32_t>(value) : kLabels;
      } else {
        label = value;
      }
      if (atomic_load(occurs + label) == 0) atomic_store(occurs + label, 1u);
    }
  };
  std::int32_t nz;
  VOXD_HD Row row(std::int64_t r) const { return {in + r * nz, occurs}; }
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
        threshold_(workspace.allocate_array<std::uint64_t>(1)) {}

  DeviceVolume run() {
    const std::vector<int> applied = applied_labels();
    copy_bytes(result_.memory().get(), labels_.memory().get(), labels_.bytes(), Direction::on_device,
               workspace_.stream());
    if (params_.independent) {
      for (const int label : applied) {
        pack(label, false);
        erase(onehot_ ? std::vector<int>{label} : std::vector<int>{0});
      }
    } else if (!applied.empty()) {
      for (std::size_t i = 0; i < applied.size(); ++i) pack(applied[i], i > 0);
      erase(onehot_ ? applied : std::vector<int>{0});
    }
    return result_;
  }

 private:
  std::vector<int> applied_labels() {
    if (!params_.applied_labels) return onehot_ ? foreground_channels() : labels_that_occur();
    if (onehot_)
      for (const int channel : *params_.applied_labels)
        if (channel < 0 || channel >= labels_.channels())
          fail(Code::invalid_argument, "applied_labels: ", channel, ", the one-hot volume has ", labels_.channels(),
               " channels");
    return *params_.applied_labels;
  }

  std::vector<int> foreground_channels() const {
    std::vector<int> channels;
    for (int channel = 1; channel < labels_.channels(); ++channel) channels.push_back(channel);
    return channels;
  }

  std::vector<int> labels_that_occur() {
    const auto occurs = workspace_.allocate_array<std::uint32_t>(kLabels + 1);
    parallel::fill(workspace_.stream(), occurs.get(), kLabels + 1, 0u);
    parallel::for_each_row(workspace_.stream(), rows_, nz_, MarkLabels<T>{labels_.data<T>(), occurs.get(), nz_});
    const std::vector<std::uint32_t> found = parallel::read_back(workspace_.stream(), occurs.get(), kLabels + 1);
    if (found[kLabels] != 0)
      fail(Code::invalid_argument,
           "KeepLargestConnectedComponent: without applied_labels every voxel must be a whole number from 0 to 65535");
    std::vector<int> labels;
    for (int label = 1; label < kLabels; ++label)
      if (found[static_cast<std::size_t>(label)] != 0) labels.push_back(label);
    return labels;
  }

  /// The foreground of one label into the mask, or added to it.
  void pack(int label, bool accumulate) {
    const T* in = labels_.data<T>() + (onehot_ ? label * labels_.geometry().voxels() : 0);
    Stream& stream = workspace_.stream();
    if (onehot_ && params_.independent) return pack_rows(stream, in, mask_.bits, Positive{}, accumulate);
    const int wanted = onehot_ ? 1 : label;
    // A label that T cannot hold does not occur; its mask must still be made.
    const bool possible = std::is_floating_point_v<T> ||
                          (wanted >= 0 && wanted <= static_cast<int>(std::numeric_limits<std::uint16_t>::max()) &&
                           static_cast<int>(static_cast<T>(wanted)) == wanted);
    if (possible) {
      pack_rows(stream, in, mask_.bits, EqualTo<T>{static_cast<T>(wanted)}, accumulate);
    } else if (!accumulate) {
      fill_bytes(mask_.bits.words, 0,
                 static_cast<std::size_t>(mask_.bits.rows) * mask_.bits.words_per_row() * sizeof(std::uint64_t),
                 stream);
    }
  }

  /// Zeroes in those channels what belongs to smaller components of the mask.
  void erase(const std::vector<int>& channels) {
    const Int3& size = labels_.size();
    const ComponentRunsMemory found = find_components(mask_.bits, size[0], size[1], params_.connectivity, workspace_);
    if (found.components.count <= params_.num_components) return;
    nth_largest(found.components, params_.num_components, threshold_.get(), workspace_);
    for (const int channel : channels)
      parallel::for_each_index(
          workspace_.stream(), rows_, nz_ / 8,
          EraseSmaller<T>{found.components, threshold_.get(),
                          result_.template mutable_data<T>() + channel * labels_.geometry().voxels(), nz_});
  }

  const DeviceVolume& labels_;
  const KeepLargestConnectedComponent& params_;
  Workspace& workspace_;
  const std::int32_t nz_;
  const std::int64_t rows_;
  const bool onehot_;
  DeviceVolume result_;
  BitRowsMemory mask_;
  std::shared_ptr<std::uint64_t> threshold_;
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

}  // namespace voxd
