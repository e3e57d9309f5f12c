#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "server/decode/dicom_volume.h"
#include "server/staged_part.h"

namespace voxd {

/// The images of one call, decoded.
struct RequestImages {
  std::vector<HostVolume> images;       ///< in the pipeline's order
  std::vector<std::string> warnings;    ///< for the caller: what was left out or looks unusual
  std::optional<DicomSource> dicom;     ///< where the one image is a DICOM series
  std::vector<std::byte> dicom_header;  ///< dicom_header() of the first slice's file
};

struct ImageDecoding {
  HostAllocator allocate;
  int threads = 1;
  bool keep_dicom_header = false;                             ///< RequestImages::dicom_header will be needed
  std::int64_t max_unpacked_bytes = std::int64_t{640} << 20;  ///< of the files in an archive
  FrameDecoder decode_frame = voxd::decode_frame;             ///< decodes DICOM's compressed frames, several at once
  /// Called now and then with what is done, 0..1, from the calling thread; what it throws ends the decoding.
  std::function<void(double)> progress = [](double) {};
};

/// Decodes a call's parts, and lets go of their bytes as soon as they are not needed any more. Parts that are DICOM
/// make one series, in any order; where each names a channel, each part is a series (a multi-frame file) of its own.
/// Other parts are one image each. A part that is a .zip or .tar must be the only one, and stands for the DICOM files
/// in it; what else is in it is left out with a warning. Throws Error{invalid_argument} naming the part at fault, and
/// where DICOM and other parts are mixed.
RequestImages decode_parts(std::vector<StagedPart>& parts, const ImageDecoding& how);

}  // namespace voxd
