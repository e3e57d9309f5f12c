#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/segmentation_client.h"
#include "voxd/v1/segmentation.pb.h"

namespace voxd {

/// Puts the answer of one call together from its events, and trusts none of them: sizes, order and completeness are
/// checked. Used by one thread.
class ResultCollector {
 public:
  explicit ResultCollector(std::uint64_t max_result_bytes) : max_result_bytes_(max_result_bytes) {}

  /// Each throws Error{data_loss} when the event does not fit those before it.
  void take(const v1::Accepted& accepted);
  void take(const v1::ResultHeader& header);
  void take(const v1::ResultChunk& chunk);
  void take(const v1::Summary& summary);

  /// The whole answer. Throws Error{data_loss} naming what is missing, of what was announced or of what `input` asked
  /// for.
  SegmentationOutcome finish(const SegmentationInput& input);

 private:
  struct Result {
    v1::Result::Kind kind;
    std::uint64_t size;                       // as announced
    std::string SegmentationOutcome::*bytes;  // where it goes
  };
  void require(bool asked, v1::Result::Kind kind) const;

  const std::uint64_t max_result_bytes_;
  SegmentationOutcome outcome_;
  std::vector<Result> results_;
  bool summarised_ = false;
};

}  // namespace voxd
