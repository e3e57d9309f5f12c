#pragma once

#include <optional>

#include "server/segmentation_job.h"
#include "voxd/v1/segmentation.pb.h"

namespace voxd {

/// What a Segment call still has to tell its client, in order: Accepted, the newest Progress, ResultHeader,
/// ResultChunks, Summary. Progress that the client was too slow to be told is replaced by newer progress. Not
/// synchronised: its owner locks.
class SegmentEvents {
 public:
  void accept(v1::Accepted accepted) { accepted_ = std::move(accepted); }
  void progress(const v1::Progress& progress) { progress_ = progress; }
  void result(SegmentationResult result, const std::string& model_version);

  /// Fills in the next event; false when there is none now.
  bool next(v1::SegmentEvent& event);
  /// The Summary has been taken: nothing will follow.
  bool complete() const { return complete_; }

 private:
  bool next_of_result(v1::SegmentEvent& event);

  std::optional<v1::Accepted> accepted_;
  std::optional<v1::Progress> progress_;
  std::optional<SegmentationResult> result_;
  v1::Summary summary_;
  bool header_sent_ = false;
  std::size_t file_ = 0;    // the next chunk's
  std::size_t offset_ = 0;  // in that file
  bool complete_ = false;
};

v1::Progress to_proto(const JobProgress& progress);

}  // namespace voxd
