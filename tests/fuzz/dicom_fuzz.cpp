#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <vector>

#include "gpu_transforms/volume/error.h"
#include "server/decode/dicom_volume.h"

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

}  // namespace

/// Any bytes, as a whole series or as pieces of one (0xFE 0xED separates files), are either refused with an Error or
/// decoded to the volume that the series announces.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  std::vector<std::span<const std::byte>> files;
  std::size_t begin = 0;
  for (std::size_t i = 0; i + 1 < size && files.size() < 16; ++i) {
    if (data[i] != 0xFE || data[i + 1] != 0xED) continue;
    files.push_back(bytes.subspan(begin, i - begin));
    begin = i + 2;
  }
  files.push_back(bytes.subspan(begin));
  const voxd::DicomDecoding how{.limits = {.max_axis_voxels = 512, .max_bytes = std::int64_t{1} << 24}};
  try {
    const voxd::DicomSource source = voxd::open_dicom_series(files, how);
    const voxd::HostVolume volume = voxd::decode_dicom_series(source, files, voxd::allocate_host, how);
    require(volume.geometry == source.series.geometry && volume.dtype == source.dtype, "the volume is the series'");
  } catch (const voxd::Error& error) {
    require(error.code() == voxd::Code::invalid_argument, "a bad file is the caller's fault");
  }
  return 0;
}
