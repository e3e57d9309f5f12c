#include "gpu_transforms/fused.h"
#include "gpu_transforms/parallel.h"
#include "gpu_transforms/resize_area.h"
#include "gpu_transforms/scaled_box.h"

namespace voxd {
namespace {

/// The box as it is, scaled.
struct ScaleRow {
  ScaledBox box;
  float* out;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    box.read_row(team, r / box.y.length / box.x.length, static_cast<std::int32_t>(r / box.y.length % box.x.length),
                 static_cast<std::int32_t>(r % box.y.length), out + r * box.z.length);
  }
};

}  // namespace

DeviceVolume scale_crop_resize_area(const DeviceVolume& volume, const ScaleIntensityRange& scaling, const Box& box,
                                    double value, const Int3& size, Workspace& workspace) {
  const auto [x, y, z] = box_axes(box, volume.size());
  const Int3 from = box.size();
  if (volume.empty() || from[0] == 0 || from[1] == 0 || from[2] == 0 || size[0] < 1 || size[1] < 1 || size[2] < 1)
    fail(Code::invalid_argument, "Resize: cannot resize ", volume.channels(), " x ", to_string(from), " voxels to ",
         to_string(size), ": there is nothing in it");
  const Geometry grid = cropped(volume.geometry(), box);
  const Int3 in = volume.size();
  const ScaledBox rows{volume.memory().get(),  volume.dtype(),           in[0], in[1], in[2], x, y, z,
                       range_scaling(scaling), static_cast<float>(value)};
  DeviceVolume result(DType::f32, volume.channels(), {size, resized_affine(grid.affine, from, size, false)}, workspace);
  if (size == from) {
    const std::int64_t count = std::int64_t{result.channels()} * size[0] * size[1];
    parallel::for_each_team(workspace.stream(), count, size[2], 0, ScaleRow{rows, result.mutable_data<float>()});
  } else {
    resize_area(rows, result, workspace);
  }
  return result;
}

}  // namespace voxd
