#include "gpu_transforms/device_volume.h"

#include <utility>

#include "gpu_transforms/transfer.h"
#include "gpu_transforms/volume/checked.h"

namespace voxd {
namespace {

std::size_t checked_bytes(DType dtype, std::int32_t channels, const Int3& size) {
  return static_cast<std::size_t>(
      checked_product({channels, size[0], size[1], size[2], static_cast<std::int64_t>(size_of(dtype))}, "volume"));
}

}  // namespace

DeviceVolume::DeviceVolume(DType dtype, std::int32_t channels, const Geometry& geometry, Workspace& workspace)
    : dtype_(dtype), channels_(channels), geometry_(geometry) {
  memory_ = workspace.allocate(checked_bytes(dtype, channels, geometry.size));
}

DeviceVolume::DeviceVolume(DType dtype, std::int32_t channels, const Geometry& geometry,
                           std::shared_ptr<std::byte> owner)
    : dtype_(dtype), channels_(channels), geometry_(geometry), memory_(std::move(owner)) {
  if (checked_bytes(dtype, channels, geometry.size) > 0 && memory_ == nullptr)
    fail(Code::internal, "volume of ", channels, "x", to_string(geometry.size), " without memory");
}

void DeviceVolume::require(DType asked) const {
  if (asked != dtype_) fail(Code::internal, "volume of ", name_of(dtype_), " read as ", name_of(asked));
}

DeviceVolume DeviceVolume::with_affine(const Affine& affine) const {
  DeviceVolume copy = *this;
  copy.geometry_.affine = affine;
  return copy;
}

DeviceVolume upload(const HostVolume& volume, Workspace& workspace) {
  DeviceVolume result(volume.dtype, volume.channels, volume.geometry, workspace);
  if (volume.voxels.size() < result.bytes())
    fail(Code::invalid_argument, "volume: ", volume.voxels.size(), " bytes of voxels, its shape needs ",
         result.bytes());
  copy_bytes(result.memory().get(), volume.voxels.data(), result.bytes(), Direction::to_device, workspace.stream());
  return result;
}

HostVolume download(const DeviceVolume& volume, Workspace& workspace, const HostAllocator& allocate) {
  HostVolume result = make_host_volume(volume.dtype(), volume.channels(), volume.geometry(), allocate);
  copy_bytes(result.voxels.data(), volume.memory().get(), volume.bytes(), Direction::to_host, workspace.stream());
  return result;
}

}  // namespace voxd
