#pragma once

// Private to the sources that meet DCMTK.

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "gpu_transforms/volume/geometry.h"

namespace voxd {

/// Reads what dicom_header() kept. Throws Error{internal} if it is nothing of the kind.
std::unique_ptr<DcmFileFormat> parse_dicom(std::span<const std::byte> header);

/// The file in that transfer syntax, with its meta header. Throws Error{internal}.
std::vector<std::byte> write_dicom(DcmFileFormat& file, E_TransferSyntax syntax);

/// Between neighbouring planes, along their normal: less than the length of the step where slices are shifted.
double slice_distance_mm(const Geometry& geometry);

}  // namespace voxd
