#include "server/segment_events.h"

#include <algorithm>
#include <utility>

#include "server/wire_type.h"

namespace voxd {
namespace {

constexpr std::size_t kChunkBytes = std::size_t{1} << 20;

v1::Result::Kind kind_of(ResultKind kind) {
  switch (kind) {
    case ResultKind::mask: return v1::Result::MASK;
    case ResultKind::contour: return v1::Result::CONTOUR;
    case ResultKind::probabilities: return v1::Result::PROBABILITIES;
    case ResultKind::dicom_seg: return v1::Result::DICOM_SEG;
    case ResultKind::dicom_rtstruct: return v1::Result::DICOM_RTSTRUCT;
    case ResultKind::preview: return v1::Result::PREVIEW;
    case ResultKind::report: return v1::Result::REPORT;
  }
  return v1::Result::KIND_UNSPECIFIED;
}

v1::LabelGrid to_proto(const ResultGrid& grid) {
  v1::LabelGrid message;
  message.set_datatype(std::string(wire_name_of(grid.dtype)));
  for (const auto voxels : grid.geometry.size) message.add_size(static_cast<std::uint32_t>(voxels));
  for (const auto& row : grid.geometry.affine)
    for (const double number : row) message.add_affine(number);
  return message;
}

v1::Progress::Stage stage_of(Stage stage) {
  switch (stage) {
    case Stage::decode: return v1::Progress::DECODE;
    case Stage::queue: return v1::Progress::QUEUE;
    case Stage::pre: return v1::Progress::PRE;
    case Stage::network: return v1::Progress::NETWORK;
    case Stage::post: return v1::Progress::POST;
    case Stage::encode: return v1::Progress::ENCODE;
  }
  return v1::Progress::STAGE_UNSPECIFIED;
}

}  // namespace

void SegmentEvents::result(SegmentationResult result, const std::string& model_version) {
  summary_.set_model_version(model_version);
  for (int i = 0; i < kStages; ++i)
    (*summary_.mutable_stage_ms())[std::string(name_of(static_cast<Stage>(i)))] =
        result.stage_ms[static_cast<std::size_t>(i)];
  summary_.mutable_warnings()->Add(result.warnings.begin(), result.warnings.end());
  result_ = std::move(result);
  progress_.reset();
}

bool SegmentEvents::next(v1::SegmentEvent& event) {
  event.Clear();
  if (accepted_) {
    *event.mutable_accepted() = *std::exchange(accepted_, std::nullopt);
    return true;
  }
  if (progress_) {
    *event.mutable_progress() = *std::exchange(progress_, std::nullopt);
    return true;
  }
  return result_ && !complete_ && next_of_result(event);
}

bool SegmentEvents::next_of_result(v1::SegmentEvent& event) {
  if (!std::exchange(header_sent_, true)) {
    for (const ResultFile& file : result_->files) {
      v1::Result& described = *event.mutable_result_header()->add_results();
      described.set_kind(kind_of(file.kind));
      described.set_media_type(std::string(file.media_type));
      described.set_byte_size(file.bytes.size());
      if (file.grid) *described.mutable_grid() = to_proto(*file.grid);
    }
    return true;
  }
  while (file_ < result_->files.size() && offset_ == result_->files[file_].bytes.size()) {
    result_->files[file_].bytes = {};
    offset_ = 0;
    ++file_;
  }
  if (file_ == result_->files.size()) {
    *event.mutable_summary() = summary_;
    complete_ = true;
    return true;
  }
  const std::vector<std::byte>& bytes = result_->files[file_].bytes;
  const std::size_t count = std::min(kChunkBytes, bytes.size() - offset_);
  v1::ResultChunk& chunk = *event.mutable_result_chunk();
  chunk.set_result(static_cast<std::uint32_t>(file_));
  chunk.set_offset(offset_);
  chunk.set_data(bytes.data() + offset_, count);
  offset_ += count;
  return true;
}

v1::Progress to_proto(const JobProgress& progress) {
  v1::Progress message;
  message.set_stage(stage_of(progress.stage));
  message.set_fraction(static_cast<float>(progress.fraction));
  message.set_queue_position(static_cast<std::uint32_t>(std::max(progress.queue_position, 0)));
  message.set_wait_seconds(static_cast<float>(progress.wait_seconds));
  return message;
}

}  // namespace voxd
