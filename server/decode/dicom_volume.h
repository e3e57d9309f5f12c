#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "gpu_transforms/volume/host_volume.h"
#include "server/decode/coded_frame.h"
#include "server/decode/dicom_series.h"

namespace voxd {

/// What voxels outside the scanner's field of view (PixelPaddingValue) become in a CT image: air, or a little less. In
/// other images they become 0.
inline constexpr double ct_padding_hu = -1024;

/// A series of DICOM files and what each says of itself, before its pixels are decoded.
struct DicomSource {
  std::vector<DicomInstance> instances;  ///< in the files' order
  DicomSeries series;
  DType dtype = DType::i16;  ///< of the volume
};

struct DicomDecoding {
  DecodeLimits limits = {};
  int threads = 1;
  /// Called now and then with what is done, 0..1, from the calling thread; what it throws ends the decoding.
  std::function<void(double)> progress = [](double) {};
  /// Who decodes compressed frames, several at once.
  FrameDecoder decode_frame = voxd::decode_frame;
  /// What to call file i in messages.
  std::function<std::string(std::size_t)> name_of = [](std::size_t i) { return "file " + std::to_string(i + 1); };
};

/// Reads the headers of all files, on `threads` threads, and makes a series of them. Throws Error{invalid_argument}, a
/// file's own prefixed by its name, and as assemble_series does.
DicomSource open_dicom_series(const std::vector<std::span<const std::byte>>& files, const DicomDecoding& how);

/// Decodes the series, on `threads` threads, to one channel in X,Y,Z order, Z contiguous. A voxel is slope * stored +
/// intercept of its own slice: int16, or uint16, where no stored number could give anything else, else float32.
/// Memory beside the volume: what a slab of slices takes, 32 MiB or one slice per thread. Throws
/// Error{invalid_argument} naming the file whose pixels are damaged.
HostVolume decode_dicom_series(const DicomSource& source, const std::vector<std::span<const std::byte>>& files,
                               const HostAllocator& allocate, const DicomDecoding& how);

}  // namespace voxd
