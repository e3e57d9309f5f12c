#include "gpu_transforms/flat_rows.h"
#include "gpu_transforms/label_counts.h"

// Neighbours mostly have the same label, so a row counts stretches of equal values and adds each stretch at once. The
// background, which is most of them, is not counted.
namespace voxd {
namespace {

constexpr std::int32_t kBlock = 64;

template <class T>
VOXD_HD bool all_equal(const T* block, T value) {
  std::int32_t different = 0;
  for (std::int32_t i = 0; i < kBlock; ++i) different |= block[i] != value ? 1 : 0;
  return different == 0;
}

template <class T>
struct CountRow {
  const T* in;
  std::int64_t count;
  std::uint64_t* counts;
  bool cut;

  VOXD_HD void operator()(std::int64_t r) const {
    const FlatPart part = flat_part(r, count);
    const T* row = in + part.begin;
    for (std::int32_t begin = 0, end = 0; begin < part.length; begin = end) {
      const T value = row[begin];
      end = begin + 1;
      while (end + kBlock <= part.length && all_equal(row + end, value)) end += kBlock;
      while (end < part.length && row[end] == value) ++end;
      const std::int32_t label = label_of(value, cut);
      if (label != 0) atomic_add(counts + label, static_cast<std::uint64_t>(end - begin));
    }
  }
};

template <class T>
void count_as(const DeviceVolume& volume, std::int64_t count, bool cut, std::uint64_t* counts, Stream& stream) {
  parallel::for_each_index(stream, parallel::ceil_div(count, kFlatRow), kFlatRow,
                           CountRow<T>{volume.data<T>(), count, counts, cut});
}

}  // namespace

std::shared_ptr<std::uint64_t> count_labels(const DeviceVolume& volume, std::int32_t channels, bool cut,
                                            Workspace& workspace) {
  const auto counts = workspace.allocate_array<std::uint64_t>(kLabels + 1);
  Stream& stream = workspace.stream();
  parallel::fill(stream, counts.get(), kLabels + 1, std::uint64_t{0});
  const std::int64_t count = channels * volume.geometry().voxels();
  switch (volume.dtype()) {
    case DType::u8: count_as<std::uint8_t>(volume, count, cut, counts.get(), stream); break;
    case DType::u16: count_as<std::uint16_t>(volume, count, cut, counts.get(), stream); break;
    case DType::f32: count_as<float>(volume, count, cut, counts.get(), stream); break;
    default: fail(Code::internal, "labels of ", name_of(volume.dtype()));
  }
  return counts;
}

std::vector<int> labels_that_occur(const DeviceVolume& volume, std::string_view transform, Workspace& workspace) {
  const auto counts = count_labels(volume, 1, false, workspace);
  const std::vector<std::uint64_t> found = parallel::read_back(workspace.stream(), counts.get(), kLabels + 1);
  if (found[kLabels] != 0)
    fail(Code::invalid_argument, transform,
         ": without applied_labels every voxel must be a whole number from 0 to 65535");
  std::vector<int> labels;
  for (int label = 1; label < kLabels; ++label)
    if (found[static_cast<std::size_t>(label)] != 0) labels.push_back(label);
  return labels;
}

std::vector<int> channels_that_occur(const DeviceVolume& volume, Workspace& workspace) {
  // Of integers that are not negative every channel may be taken: one that is all 0 has nothing to change.
  std::vector<double> sums(static_cast<std::size_t>(volume.channels()), 1.0);
  if (volume.dtype() == DType::f32) {
    const std::int64_t voxels = volume.geometry().voxels();
    const auto memory = workspace.allocate_array<double>(volume.channels());
    for (std::int32_t channel = 0; channel < volume.channels(); ++channel)
      parallel::reduce_rows(workspace, parallel::ceil_div(voxels, kFlatRow), kFlatRow,
                            FlatSum<Itself>{volume.data<float>() + channel * voxels, voxels, {}},
                            memory.get() + channel);
    sums = parallel::read_back(workspace.stream(), memory.get(), volume.channels());
  }
  std::vector<int> channels;
  for (int channel = 1; channel < volume.channels(); ++channel)
    if (sums[static_cast<std::size_t>(channel)] > 0) channels.push_back(channel);
  return channels;
}

int channel_at(int channel, std::int32_t channels) {
  if (channel < -channels || channel >= channels)
    fail(Code::invalid_argument, "applied_labels: ", channel, ", the one-hot volume has ", channels, " channels");
  return channel < 0 ? channel + channels : channel;
}

}  // namespace voxd
