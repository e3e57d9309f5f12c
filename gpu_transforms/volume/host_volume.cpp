#include "gpu_transforms/volume/host_volume.h"

#include <cstdlib>

#include "gpu_transforms/volume/checked.h"

namespace voxd {

HostBuffer allocate_host(std::size_t bytes) {
  constexpr std::size_t alignment = 64;
  const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  if (rounded < bytes) fail(Code::resource_exhausted, "host memory: ", bytes, " bytes asked for");
  auto* data = static_cast<std::byte*>(std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded));
  if (data == nullptr) fail(Code::resource_exhausted, "host memory: no ", bytes, " bytes left");
  return HostBuffer(data, bytes, [](std::byte* p) { std::free(p); });
}

HostVolume make_host_volume(DType dtype, std::int32_t channels, const Geometry& geometry,
                            const HostAllocator& allocate) {
  const auto [x, y, z] = geometry.size;
  const std::int64_t bytes = checked_product({channels, x, y, z, static_cast<std::int64_t>(size_of(dtype))}, "volume");
  HostVolume volume;
  volume.dtype = dtype;
  volume.channels = channels;
  volume.geometry = geometry;
  volume.voxels = allocate(static_cast<std::size_t>(bytes));
  return volume;
}

}  // namespace voxd
