#include "models/stack_images.h"

#include <algorithm>
#include <cstring>

namespace voxd {
namespace {

void copy_as_float32(const HostVolume& image, float* target) {
  visit_dtype(image.dtype, [&](auto zero) {
    using T = decltype(zero);
    const auto values = image.as<T>();
    std::transform(values.begin(), values.end(), target, [](T value) { return static_cast<float>(value); });
  });
}

}  // namespace

HostVolume stack_images(const std::vector<HostVolume>& images, std::int32_t channels, const HostAllocator& allocate) {
  const bool same_type = std::all_of(images.begin(), images.end(),
                                     [&](const HostVolume& image) { return image.dtype == images[0].dtype; });
  HostVolume result =
      make_host_volume(same_type ? images[0].dtype : DType::f32, channels, images[0].geometry, allocate);
  std::byte* target = result.voxels.data();
  for (const HostVolume& image : images) {
    const std::size_t bytes = static_cast<std::size_t>(image.count()) * size_of(result.dtype);
    if (same_type)
      std::memcpy(target, image.voxels.data(), bytes);
    else
      copy_as_float32(image, reinterpret_cast<float*>(target));
    target += bytes;
  }
  return result;
}

}  // namespace voxd
