#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "gpu_transforms/volume/host_volume.h"
#include "server/decode/limits.h"

namespace voxd {

/// What an image file will be once decoded, known from its first bytes.
struct ImageHeader {
  std::string format;
  DType dtype = DType::f32;
  std::int32_t channels = 1;
  Geometry geometry;

  std::int64_t decoded_bytes() const {
    return channels * geometry.voxels() * static_cast<std::int64_t>(size_of(dtype));
  }
};

struct DecodedImage {
  HostVolume volume;
  std::string format;
};

/// Reads an image's header from the file's first bytes (image_header_prefix_bytes are enough, or the whole file if that
/// is shorter), for admission before the rest is here. `format` is "nifti", or empty: recognised by its first bytes.
/// Throws Error{invalid_argument} for a format that is not known and as the format's own reader does.
ImageHeader read_image_header(std::span<const std::byte> start, std::string_view format, const DecodeLimits& limits);

inline constexpr std::size_t image_header_prefix_bytes = 4096;

/// Decodes a whole image file; the voxels are in memory from `allocate`, X,Y,Z order, Z contiguous. `format` as above.
/// Throws Error{invalid_argument} if the format is not known, the file is damaged, or the image is beyond the limits.
/// Safe from any thread if `allocate` is.
DecodedImage decode_image(std::span<const std::byte> file, std::string_view format, const HostAllocator& allocate,
                          const DecodeLimits& limits);

}  // namespace voxd
