#pragma once

#include <string_view>

namespace voxd {

/// A SNOMED CT concept.
struct AnatomyCode {
  std::string_view value;
  std::string_view meaning;
};

/// What is marked: its category (anatomical structure, abnormal structure, or tissue), what it is, and on which side.
struct SegmentCodes {
  AnatomyCode category;
  AnatomyCode type;
  AnatomyCode side;  ///< empty: not said
};

/// The codes of a label's name as bundles write it: letters alone count, and "left" or "right" before or
/// after them. Of a name that is not known, tissue.
SegmentCodes codes_of(std::string_view name);

}  // namespace voxd
