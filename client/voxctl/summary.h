#pragma once

#include <string>
#include <utility>
#include <vector>

#include "client/segmentation_client.h"

namespace voxd::ctl {

/// What `voxctl segment` says at its end: volumes per label from the report, time per stage, files written.
struct Summary {
  std::string model;
  const SegmentationOutcome& outcome;
  std::vector<std::pair<std::string, std::string>> files;  ///< which result -> path
};

/// A few lines for a person. Throws Error{data_loss} when the report is not what a voxd server writes.
std::string text_of(const Summary& summary);
/// The same as one JSON object; an outcome without a report has no "labels".
std::string json_of(const Summary& summary);

}  // namespace voxd::ctl
