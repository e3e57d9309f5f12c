#include "gpu_transforms/component_runs.h"
#include "gpu_transforms/foreground.h"
#include "gpu_transforms/label_counts.h"
#include "gpu_transforms/labels.h"

// What MONAI reaches by growing inwards from the border, we know by components: of all that is not the label, a
// component that touches the border is outside, any other one is a hole.
namespace voxd {
namespace {

template <class T>
struct Other {
  T label;
  VOXD_HD bool operator()(T value) const { return value != label; }
};

struct IsZero {
  template <class T>
  VOXD_HD bool operator()(T value) const {
    return value == T{0};
  }
};

/// Marks the components that have a voxel on the border.
struct MarkOpen {
  ComponentRuns components;
  std::uint32_t* open;  // per run, of which those of roots are used
  std::int32_t nx, ny, nz;

  VOXD_HD void operator()(std::int64_t r) const {
    const std::int32_t x = static_cast<std::int32_t>(r / ny), y = static_cast<std::int32_t>(r % ny);
    const bool outermost = x == 0 || x + 1 == nx || y == 0 || y + 1 == ny;
    for (std::int64_t i = components.row_begin[r]; i < components.row_begin[r + 1]; ++i) {
      const Run run = components.runs[i];
      std::uint32_t* mark = open + components.root[i];
      if ((outermost || run.first == 0 || run.last + 1 == nz) && atomic_load(mark) != kOpen)
        atomic_store(mark, std::uint32_t{kOpen});
    }
  }
  static constexpr std::uint32_t kOpen = 0;
};

template <class T>
struct FillRuns {
  ComponentRuns components;
  T label;
  T* out;
  std::int32_t nz;

  VOXD_HD void operator()(std::int64_t r) const {
    for (std::int64_t i = components.row_begin[r]; i < components.row_begin[r + 1]; ++i) {
      if (components.voxels[components.root[i]] == MarkOpen::kOpen) continue;
      T* row = out + r * nz;
      for (std::int32_t z = components.runs[i].first; z <= components.runs[i].last; ++z) row[z] = label;
    }
  }
};

/// One call of fill_holes, for voxels of type T.
template <class T>
class Filler {
 public:
  Filler(const DeviceVolume& labels, const FillHoles& params, Workspace& workspace)
      : labels_(labels),
        params_(params),
        workspace_(workspace),
        onehot_(labels.channels() > 1),
        result_(labels.dtype(), labels.channels(), labels.geometry(), workspace),
        outside_(allocate_bit_rows(std::int64_t{labels.size()[0]} * labels.size()[1], labels.size()[2], workspace)) {}

  DeviceVolume run() {
    copy_bytes(result_.memory().get(), labels_.memory().get(), labels_.bytes(), Direction::on_device,
               workspace_.stream());
    for (const int label : applied_labels()) {
      if (label == 0) continue;
      if (onehot_) {
        fill_channel(channel_at(label, labels_.channels()));
      } else if (static_cast<int>(static_cast<T>(label)) == label) {
        T* values = result_.template mutable_data<T>();
        pack_rows(workspace_.stream(), values, outside_.bits, Other<T>{static_cast<T>(label)});
        fill(values, static_cast<T>(label));
      }
    }
    return result_;
  }

 private:
  std::vector<int> applied_labels() {
    if (params_.applied_labels) return *params_.applied_labels;
    return onehot_ ? channels_that_occur(labels_, workspace_) : labels_that_occur(labels_, "FillHoles", workspace_);
  }

  void fill_channel(int channel) {
    const std::int64_t voxels = labels_.geometry().voxels();
    T* values = result_.template mutable_data<T>() + channel * voxels;
    pack_rows(workspace_.stream(), values, outside_.bits, IsZero{});
    parallel::transform(workspace_.stream(), values, voxels, values, ToBinary{});
    fill(values, T{1});
  }

  /// Gives the holes among the packed voxels the label.
  void fill(T* values, T label) {
    const auto [nx, ny, nz] = labels_.size();
    ComponentRunsMemory found = find_components(outside_.bits, {1, nx, ny}, params_.connectivity, workspace_);
    const std::int64_t rows = outside_.bits.rows, work = 8 * (found.components.count / rows + 1);
    // The size of a component is of no interest here, only whether it is 0.
    parallel::for_each_index(workspace_.stream(), rows, work,
                             MarkOpen{found.components, found.voxels.get(), nx, ny, nz});
    parallel::for_each_index(workspace_.stream(), rows, work, FillRuns<T>{found.components, label, values, nz});
  }

  const DeviceVolume& labels_;
  const FillHoles& params_;
  Workspace& workspace_;
  const bool onehot_;
  DeviceVolume result_;
  BitRowsMemory outside_;
};

}  // namespace

DeviceVolume fill_holes(const DeviceVolume& labels, const FillHoles& params, Workspace& workspace) {
  if (params.connectivity < 1 || params.connectivity > 3)
    fail(Code::invalid_argument, "connectivity: ", params.connectivity, ", must be 1, 2 or 3");
  if (labels.empty()) return labels;
  switch (labels.dtype()) {
    case DType::u8: return Filler<std::uint8_t>(labels, params, workspace).run();
    case DType::u16: return Filler<std::uint16_t>(labels, params, workspace).run();
    case DType::f32: return Filler<float>(labels, params, workspace).run();
    default:
      fail(Code::invalid_argument, "FillHoles: voxels of ", name_of(labels.dtype()),
           ", must be uint8, uint16 or float32");
  }
}

}  // namespace voxd
