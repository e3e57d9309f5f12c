#pragma once

#include <string>
#include <vector>

#include "server/decode/dicom_instance.h"
#include "server/decode/dicom_series.h"

namespace voxd {

/// The frames of one series that are to be stacked, in the order given, and what was left out of it (a sentence each).
/// Each has position, orientation and pixel spacing, and all agree in all but the position. Throws as assemble_series
/// does.
struct DicomSelection {
  std::vector<DicomSlice> slices;
  std::vector<std::string> warnings;
};
DicomSelection select_slices(const std::vector<DicomInstance>& instances);

}  // namespace voxd
