#pragma once

#include <cstdint>
#include <memory>

#include "gpu_transforms/volume/dtype.h"
#include "gpu_transforms/volume/geometry.h"
#include "gpu_transforms/volume/host_volume.h"
#include "gpu_transforms/workspace.h"

namespace voxd {

/// An image in the memory of a stream's device: C,X,Y,Z with Z contiguous, no padding between rows.
/// Copies share the voxels, which nobody changes once the function that returned the volume has enqueued its work.
/// Its voxels are there for work enqueued on the same stream; the host reads them through download().
class DeviceVolume {
 public:
  DeviceVolume() = default;
  /// Uninitialised voxels from the workspace. Throws as Workspace::allocate does.
  DeviceVolume(DType dtype, std::int32_t channels, const Geometry& geometry, Workspace& workspace);
  /// Wraps memory that somebody else owns (a tensor's); `owner` keeps it alive, and frees it in the stream's order like
  /// a workspace's. Throws Error{internal} if there should be voxels and there is no memory.
  DeviceVolume(DType dtype, std::int32_t channels, const Geometry& geometry, std::shared_ptr<std::byte> owner);

  DType dtype() const { return dtype_; }
  std::int32_t channels() const { return channels_; }
  const Geometry& geometry() const { return geometry_; }
  const Int3& size() const { return geometry_.size; }
  std::int64_t count() const { return channels_ * geometry_.voxels(); }
  std::size_t bytes() const { return static_cast<std::size_t>(count()) * size_of(dtype_); }
  bool empty() const { return count() == 0; }

  /// The voxels as T. Throws Error{internal} if dtype() is another. `mutable_data` is for the function that fills a
  /// volume it has just made.
  template <class T>
  const T* data() const {
    require(dtype_of<T>);
    return reinterpret_cast<const T*>(memory_.get());
  }
  template <class T>
  T* mutable_data() {
    require(dtype_of<T>);
    return reinterpret_cast<T*>(memory_.get());
  }
  const std::shared_ptr<std::byte>& memory() const { return memory_; }

  /// The same voxels on another grid position.
  DeviceVolume with_affine(const Affine& affine) const;

 private:
  void require(DType asked) const;

  DType dtype_ = DType::f32;
  std::int32_t channels_ = 0;
  Geometry geometry_;
  std::shared_ptr<std::byte> memory_;
};

/// Enqueues the copy to the device. `volume` must live until the stream has passed that point.
/// Throws Error{invalid_argument} if it has fewer bytes than its shape needs.
DeviceVolume upload(const HostVolume& volume, Workspace& workspace);

/// Enqueues the copy to host memory from `allocate`; the voxels are there after stream().synchronize().
HostVolume download(const DeviceVolume& volume, Workspace& workspace, const HostAllocator& allocate = allocate_host);

/// The same values as float32 (C++ conversion, exact for 8 and 16 bit integers). A float32 volume is returned as it is.
/// Enqueues; output plus no scratch.
DeviceVolume to_float32(const DeviceVolume& volume, Workspace& workspace);

/// The same values as another type, as torch's CPU code converts them (MONAI's CastToType): floating point is cut
/// towards zero, and of what does not fit an integer the low bits are kept. A volume of that type is returned as it is.
/// Enqueues; output plus no scratch.
DeviceVolume cast_to(const DeviceVolume& volume, DType dtype, Workspace& workspace);

}  // namespace voxd
