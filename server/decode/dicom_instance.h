#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gpu_transforms/volume/geometry.h"

namespace voxd {

/// Where one frame lies and what its stored numbers mean. A classic file has one.
struct DicomFrame {
  std::optional<Vec3> position;                      ///< ImagePositionPatient: mm, LPS, centre of the first voxel
  std::optional<std::array<double, 6>> orientation;  ///< ImageOrientationPatient: LPS directions along a row, a column
  std::optional<std::array<double, 2>> spacing_mm;   ///< PixelSpacing: between rows, between columns
  double slope = 1;
  double intercept = 0;
};

/// How the numbers of a frame are stored.
struct DicomPixels {
  std::int32_t rows = 0;
  std::int32_t columns = 0;
  std::int32_t frames = 1;
  int bits_allocated = 16;  ///< 8, 16 or 32
  int bits_stored = 16;
  int high_bit = 15;
  bool is_signed = false;
  std::optional<std::int64_t> padding = {};        ///< PixelPaddingValue: stored numbers from here ...
  std::optional<std::int64_t> padding_limit = {};  ///< ... to here (PixelPaddingRangeLimit) are no measurement

  std::int64_t frame_bytes() const { return std::int64_t{rows} * columns * (bits_allocated / 8); }
};

/// What one DICOM file says of itself, as far as a volume is made of it. Nothing of it that could name a person is ever
/// put into a message: identifiers are only compared.
struct DicomInstance {
  std::string study_uid, series_uid, instance_uid, frame_of_reference_uid, patient_id;
  std::string class_uid;
  std::string class_name;  ///< of the standard ("CTImageStorage"), the UID where that has none, "(empty)" without one
  /// Why no slice of a volume can be made of it ("not an image"); such an object among the images is left out. Then
  /// nothing below means anything.
  std::string unusable;

  bool is_ct = false;  ///< values are Hounsfield units
  bool is_localizer = false;
  bool is_inverted = false;  ///< MONOCHROME1: low values are meant to be shown bright
  /// What tells images at one place apart: AcquisitionNumber, EchoTime, TemporalPositionIdentifier, TriggerTime,
  /// DiffusionBValue; empty where it has none.
  std::array<std::string, 5> phase;
  std::string transfer_syntax;  ///< UID
  DicomPixels pixels;
  std::vector<DicomFrame> frames;
};

/// The names of DicomInstance::phase.
inline constexpr std::array<const char*, 5> dicom_phase_names{
    "AcquisitionNumber", "EchoTime", "TemporalPositionIdentifier", "TriggerTime", "DiffusionBValue"};

}  // namespace voxd
