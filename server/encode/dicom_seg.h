#pragma once

#include <cstddef>
#include <vector>

#include "server/encode/dicom_object.h"

namespace voxd {

/// Writes a label map as a DICOM segmentation (Segmentation Storage, BINARY): a segment for each label that a voxel
/// has, by rising label, with the label's name and codes; a frame for each image and segment that meet, as many rows
/// and columns as the image, in the order of segments and then of the stack. Each frame names the image that it lies on
/// (Derivation Image, at the same places), and all images are named (Referenced Series). Distances and directions are
/// those of the stack, not what the images say of their thickness. An explicit little endian file with meta header.
///
/// Empty if no voxel has a label: a segmentation without frames does not exist. Throws Error{failed_precondition} as
/// why_no_reference says, and Error{invalid_argument} for a label map that is not on the series' grid. Safe from any
/// thread.
std::vector<std::byte> encode_dicom_seg(const HostVolume& label_map, const DicomSubject& subject);

}  // namespace voxd
