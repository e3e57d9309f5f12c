#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "gpu_transforms/volume/dtype.h"
#include "gpu_transforms/volume/error.h"
#include "gpu_transforms/volume/geometry.h"

namespace voxd {

/// Owned bytes in host memory, 64-byte aligned or better. Move-only; where they go back to is the allocator's business.
class HostBuffer {
 public:
  using Release = std::function<void(std::byte*)>;

  HostBuffer() = default;
  HostBuffer(std::byte* data, std::size_t size, Release release) : bytes_(data, std::move(release)), size_(size) {}

  std::byte* data() { return bytes_.get(); }
  const std::byte* data() const { return bytes_.get(); }
  std::size_t size() const { return size_; }
  std::span<std::byte> bytes() { return {data(), size_}; }
  std::span<const std::byte> bytes() const { return {data(), size_}; }

 private:
  std::unique_ptr<std::byte[], Release> bytes_{nullptr, [](std::byte*) {}};
  std::size_t size_ = 0;
};

/// Gives uninitialised memory; throws Error{resource_exhausted} when there is none. Safe from any thread.
using HostAllocator = std::function<HostBuffer(std::size_t bytes)>;

/// Plain heap memory, for tools and tests; the server passes its staging pool instead.
HostBuffer allocate_host(std::size_t bytes);

/// An image in host memory: `channels` grids one after the other, each in X,Y,Z order with Z contiguous.
struct HostVolume {
  DType dtype = DType::f32;
  std::int32_t channels = 1;
  Geometry geometry;
  HostBuffer voxels;

  std::int64_t count() const { return channels * geometry.voxels(); }

  template <class T>
  std::span<T> as() {
    require(dtype_of<T>);
    return {reinterpret_cast<T*>(voxels.data()), static_cast<std::size_t>(count())};
  }
  template <class T>
  std::span<const T> as() const {
    require(dtype_of<T>);
    return {reinterpret_cast<const T*>(voxels.data()), static_cast<std::size_t>(count())};
  }

 private:
  void require(DType asked) const {
    if (asked != dtype) fail(Code::internal, "volume of ", name_of(dtype), " read as ", name_of(asked));
  }
};

/// A volume of that shape with uninitialised voxels. Throws Error{invalid_argument} if the byte count overflows.
HostVolume make_host_volume(DType dtype, std::int32_t channels, const Geometry& geometry,
                            const HostAllocator& allocate = allocate_host);

}  // namespace voxd
