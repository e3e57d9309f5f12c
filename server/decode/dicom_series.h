#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "server/decode/dicom_instance.h"
#include "server/decode/limits.h"

namespace voxd {

/// Which frame of which instance one slice of the volume is.
struct DicomSlice {
  std::size_t instance = 0;  ///< index into what assemble_series was given
  std::int32_t frame = 0;
};

/// A stack of equally spaced parallel slices.
struct DicomSeries {
  /// X along the rows of the images, Y along their columns, Z from slice to slice, to millimetres in RAS+. Z rises
  /// along the cross product of the image's two directions. Slices that are shifted against each other (a tilted
  /// gantry) make a sheared affine.
  Geometry geometry;
  std::vector<DicomSlice> slices;  ///< in the order of Z
  /// What was left out or looks unusual, a sentence each; nothing from the patient's or study's attributes.
  std::vector<std::string> warnings;
};

/// Makes one series of instances that came in any order. Order and distances come from ImagePositionPatient and
/// ImageOrientationPatient alone: InstanceNumber, SliceThickness, SpacingBetweenSlices and GantryDetectorTilt count for
/// nothing. Positions may be off an even grid by what printing a number rounds away (0.05 mm or a hundredth of the
/// distance, whichever is more, but never a tenth of it); what is not evenly spaced is refused, never averaged.
///
/// Left out with a warning: objects that are not images, images without a position, localizers (marked so, or few and
/// across the others), second copies of one instance. Refused with Error{invalid_argument}: several series, patients or
/// frames of reference, images of different sizes or pixel spacings, several images at one place, missing slices,
/// uneven distances, a single slice, sizes beyond the limits.
DicomSeries assemble_series(const std::vector<DicomInstance>& instances, const DecodeLimits& limits);

}  // namespace voxd
