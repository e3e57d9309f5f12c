#include "gpu_transforms/argmax_rows.h"
#include "gpu_transforms/labels.h"
#include "gpu_transforms/parallel.h"

namespace voxd {
namespace {

template <class Label>
struct SecondBeatsFirst {
  VOXD_HD Label operator()(float first, float second) const { return static_cast<Label>(beats(second, first)); }
};

/// Channels outside, z inside, so that each pass is contiguous. Labels are 32 bit in the loop: lanes of one width
/// vectorise.
template <class Label>
struct ArgmaxRow {
  const float* in;
  Label* out;
  std::int32_t channels, nz;
  std::int64_t channel_step;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    float* best = reinterpret_cast<float*>(team.scratch);
    std::int32_t* label = reinterpret_cast<std::int32_t*>(best + nz);
    const float* row = in + r * nz;
    team.each(nz, [=](std::int32_t z) {
      best[z] = row[z];
      label[z] = 0;
    });
    for (std::int32_t channel = 1; channel < channels; ++channel) {
      const float* values = row + channel * channel_step;
      // No sync: a lane meets the same z in every pass.
      team.each(nz, [=](std::int32_t z) {
        const float value = values[z], seen = best[z];
        const bool better = beats(value, seen);
        best[z] = better ? value : seen;
        label[z] = better ? channel : label[z];
      });
    }
    Label* labels = out + r * nz;
    team.each(nz, [=](std::int32_t z) { labels[z] = static_cast<Label>(label[z]); });
  }
};

template <class Label>
void argmax_as(const DeviceVolume& volume, Label* labels, Workspace& workspace) {
  const auto [nx, ny, nz] = volume.size();
  const std::int64_t voxels = volume.geometry().voxels();
  const float* in = volume.data<float>();
  if (volume.channels() == 2) {
    parallel::transform(workspace.stream(), in, in + voxels, voxels, labels, SecondBeatsFirst<Label>{});
  } else {
    parallel::for_each_team(workspace.stream(), std::int64_t{nx} * ny, std::int64_t{nz} * volume.channels(),
                            8 * static_cast<std::size_t>(nz),
                            ArgmaxRow<Label>{in, labels, volume.channels(), nz, voxels});
  }
}

}  // namespace

DType label_type(std::int32_t channels) {
  if (channels < 1) fail(Code::invalid_argument, "argmax: a volume without channels");
  if (channels > 65536) fail(Code::invalid_argument, "argmax: ", channels, " channels, at most 65536");
  return channels <= 256 ? DType::u8 : DType::u16;
}

void argmax_into(const DeviceVolume& values, DeviceVolume& labels, std::int64_t first, Workspace& workspace) {
  if (labels.dtype() == DType::u8)
    argmax_as(values, labels.mutable_data<std::uint8_t>() + first, workspace);
  else
    argmax_as(values, labels.mutable_data<std::uint16_t>() + first, workspace);
}

DeviceVolume argmax(const DeviceVolume& volume, Workspace& workspace) {
  const DType type = label_type(volume.channels());
  const DeviceVolume values = to_float32(volume, workspace);
  DeviceVolume labels(type, 1, volume.geometry(), workspace);
  argmax_into(values, labels, 0, workspace);
  return labels;
}

}  // namespace voxd
