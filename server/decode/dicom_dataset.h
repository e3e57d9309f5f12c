#pragma once

// Private to the sources that meet DCMTK.

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dctk.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "server/decode/limits.h"

namespace voxd {

/// Registers DCMTK's decoders and silences its log, which would show what stands in a file; once, from any thread.
void prepare_dcmtk();

enum class DicomDepth { until_pixels, whole };

/// Parses a DICOM file that lies in memory, with or without preamble, in any transfer syntax; with `until_pixels` the
/// pixel data is left out. A deflated file is inflated no further than its header says that it should go. Throws
/// Error{invalid_argument} if it cannot be parsed. Safe from any thread; what it returns is one thread's.
std::unique_ptr<DcmFileFormat> parse_dicom(std::span<const std::byte> file, DicomDepth depth,
                                           const DecodeLimits& limits);

/// The element's text, without padding at its ends; empty where it is absent or empty.
std::string text_of(DcmItem& item, const DcmTagKey& tag);

/// The first item of a sequence; nullptr where there is none.
DcmItem* first_item(DcmItem& item, const DcmTagKey& sequence);

}  // namespace voxd
