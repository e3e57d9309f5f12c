#pragma once

#include <cstddef>
#include <vector>

#include "server/encode/dicom_object.h"

namespace voxd {

enum class Holes { outlines, keyholes };

/// Writes a label map as a DICOM RT structure set: a region of interest for each label that a voxel has, by rising
/// label, with the label's name; on each image the outlines of trace_outlines(), in millimetres, CLOSED_PLANAR, each
/// naming its image. Holes are outlines like any other, which a reader that fills by even and odd leaves open, or parts
/// of the outline around them (join_holes). An implicit little endian file with meta header, as an outline may be
/// longer than explicit ones can say.
///
/// Empty if no voxel has a label. Throws as encode_dicom_seg does. Safe from any thread.
std::vector<std::byte> encode_dicom_rtstruct(const HostVolume& label_map, const DicomSubject& subject,
                                             Holes holes = Holes::outlines);

}  // namespace voxd
