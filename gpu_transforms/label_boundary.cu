#include "gpu_transforms/labels.h"
#include "gpu_transforms/parallel.h"

// A row at a time: of the 26 neighbours nine rows are read, each three times, shifted by one voxel; equal bytes are
// compared many at once. Rows and voxels on the border are boundary without looking.
namespace voxd {
namespace {

template <class T>
struct BoundaryRow {
  const T* in;
  T* out;
  std::int32_t nx, ny, nz;

  template <class Team>
  VOXD_HD void operator()(const Team& team, std::int64_t r) const {
    const std::int32_t y = static_cast<std::int32_t>(r % ny), x = static_cast<std::int32_t>(r / ny % nx);
    const T* row = in + r * nz;
    T* to = out + r * nz;
    if (x == 0 || x == nx - 1 || y == 0 || y == ny - 1 || nz < 3) {
      team.each(nz, [=](std::int32_t z) { to[z] = row[z]; });
      return;
    }
    const std::int64_t step_x = std::int64_t{ny} * nz;
    const T *a = row - step_x, *b = row + step_x;
    const std::int32_t n = nz;
    team.each(nz - 2, [=](std::int32_t i) {
      const std::int32_t z = i + 1;
      const T v = row[z];
      // Bitwise, so that nothing branches.
      bool other = false;
      for (std::int32_t d = -1; d <= 1; ++d) {
        other |= (row[z + d] != v) | (row[z + d - n] != v) | (row[z + d + n] != v);
        other |= (a[z + d] != v) | (a[z + d - n] != v) | (a[z + d + n] != v);
        other |= (b[z + d] != v) | (b[z + d - n] != v) | (b[z + d + n] != v);
      }
      to[z] = other ? v : T{0};
    });
    team.each(2, [=](std::int32_t end) { to[end * (n - 1)] = row[end * (n - 1)]; });
  }
};

template <class T>
DeviceVolume boundary_of(const DeviceVolume& labels, Workspace& workspace) {
  DeviceVolume result(labels.dtype(), labels.channels(), labels.geometry(), workspace);
  const Int3& size = labels.size();
  parallel::for_each_team(workspace.stream(), std::int64_t{labels.channels()} * size[0] * size[1], size[2], 0,
                          BoundaryRow<T>{labels.data<T>(), result.mutable_data<T>(), size[0], size[1], size[2]});
  return result;
}

}  // namespace

DeviceVolume label_boundary(const DeviceVolume& labels, Workspace& workspace) {
  switch (labels.dtype()) {
    case DType::u8: return boundary_of<std::uint8_t>(labels, workspace);
    case DType::u16: return boundary_of<std::uint16_t>(labels, workspace);
    default:
      fail(Code::invalid_argument, "label boundary: voxels of ", name_of(labels.dtype()), ", must be uint8 or uint16");
  }
}

}  // namespace voxd
