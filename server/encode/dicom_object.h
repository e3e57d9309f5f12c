#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "gpu_transforms/volume/host_volume.h"
#include "server/decode/dicom_volume.h"

namespace voxd {

/// What a DICOM object made of a label map says beside its voxels, and the series that it refers to.
struct DicomSubject {
  const DicomSource& source;
  std::span<const std::byte> header;  ///< dicom_header() of the first slice's file: patient, study, frame of reference
  const std::map<int, std::string>& names;  ///< of the labels, where known
  std::string model, model_version;
  std::string voxd_version;
};

/// Why no object can refer to the series: "SOPInstanceUID is empty". Empty where one can.
std::string why_no_reference(const DicomSource& source);

/// "spleen", or "label 3" for one without a name; printable ASCII of at most 64 characters, as DICOM's LO and SH allow.
std::string label_text(const std::map<int, std::string>& names, int label, std::size_t most = 64);

/// A decimal string of at most 16 characters, the nearest to the number; never "-0". Throws Error{invalid_argument} for
/// a number that is not finite.
std::string decimal_string(double value);

/// A new unique identifier ("2.25." and 122 random bits in decimal); nothing of the machine is in it.
std::string new_uid();

/// The label map's planes as the source's images lie: plane z, row y, column x, columns contiguous. `label_map` is u8
/// or u16, one channel, on the source's grid, else Error{invalid_argument}.
std::vector<std::uint16_t> label_planes(const HostVolume& label_map, const DicomSource& source);

}  // namespace voxd
