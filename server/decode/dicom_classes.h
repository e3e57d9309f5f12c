#pragma once

#include <dcmtk/dcmdata/dcuid.h>

#include <algorithm>
#include <string_view>

namespace voxd {

/// SOP classes of which a volume can be made.
inline bool is_volume_class(std::string_view uid) {
  constexpr std::string_view classes[] = {
      UID_CTImageStorage,
      UID_EnhancedCTImageStorage,
      UID_LegacyConvertedEnhancedCTImageStorage,
      UID_MRImageStorage,
      UID_EnhancedMRImageStorage,
      UID_LegacyConvertedEnhancedMRImageStorage,
      UID_PositronEmissionTomographyImageStorage,
      UID_EnhancedPETImageStorage,
      UID_LegacyConvertedEnhancedPETImageStorage,
  };
  return std::find(std::begin(classes), std::end(classes), uid) != std::end(classes);
}

/// Secondary captures: some are slices, with a position, and many are pictures of text.
inline bool is_capture_class(std::string_view uid) {
  return uid == UID_SecondaryCaptureImageStorage || uid == UID_MultiframeGrayscaleByteSecondaryCaptureImageStorage ||
         uid == UID_MultiframeGrayscaleWordSecondaryCaptureImageStorage;
}

inline bool is_ct_class(std::string_view uid) {
  return uid == UID_CTImageStorage || uid == UID_EnhancedCTImageStorage ||
         uid == UID_LegacyConvertedEnhancedCTImageStorage;
}

}  // namespace voxd
