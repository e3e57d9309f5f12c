#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "gpu_transforms/volume/error.h"
#include "server/decode/image.h"
#include "server/decode/nifti.h"
#include "server/encode/nifti.h"

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

/// A label map written and read again is the same.
void check_round_trip(const voxd::HostVolume& volume, const voxd::DecodeLimits& limits) {
  if (volume.dtype != voxd::DType::u8 && volume.dtype != voxd::DType::u16) return;
  std::vector<std::byte> file;
  try {
    file = voxd::encode_nifti(volume);
  } catch (const voxd::Error&) {
    return;  // NIfTI-2 holds affines that float32 does not
  }
  try {
    const voxd::HostVolume again = voxd::decode_nifti(file, voxd::allocate_host, limits);
    require(again.dtype == volume.dtype && again.geometry.size == volume.geometry.size, "the label map's shape");
    require(std::ranges::equal(again.voxels.bytes(), volume.voxels.bytes()), "the label map's voxels");
  } catch (const voxd::Error&) {
    // An affine that float32 rounds to a singular one.
  }
}

}  // namespace

/// Any bytes are either refused with an Error or decoded to the volume that their header announces.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span file(reinterpret_cast<const std::byte*>(data), size);
  const voxd::DecodeLimits limits{.max_axis_voxels = 512, .max_bytes = std::int64_t{1} << 24};
  voxd::DecodedImage image;
  try {
    image = voxd::decode_image(file, "", voxd::allocate_host, limits);
  } catch (const voxd::Error& error) {
    require(error.code() == voxd::Code::invalid_argument, "a bad file is the caller's fault");
    return 0;
  }
  const voxd::ImageHeader header = voxd::read_image_header(file, "", limits);
  require(header.geometry == image.volume.geometry && header.dtype == image.volume.dtype,
          "the header agrees with the volume");
  require(header.decoded_bytes() == static_cast<std::int64_t>(image.volume.voxels.size()),
          "the header agrees with the bytes");
  check_round_trip(image.volume, limits);
  return 0;
}
