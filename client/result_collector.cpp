#include "client/result_collector.h"

#include <algorithm>
#include <cctype>
#include <utility>

namespace voxd {
namespace {

std::string SegmentationOutcome::*place_of(v1::Result::Kind kind) {
  switch (kind) {
    case v1::Result::MASK: return &SegmentationOutcome::mask;
    case v1::Result::CONTOUR: return &SegmentationOutcome::contour;
    case v1::Result::PROBABILITIES: return &SegmentationOutcome::probabilities;
    case v1::Result::DICOM_SEG: return &SegmentationOutcome::dicom_seg;
    case v1::Result::DICOM_RTSTRUCT: return &SegmentationOutcome::dicom_rtstruct;
    case v1::Result::PREVIEW: return &SegmentationOutcome::preview;
    case v1::Result::REPORT: return &SegmentationOutcome::report;
    default:
      fail(Code::data_loss, "answer: a result of kind ", static_cast<int>(kind), ", which this client does not know");
  }
}

std::string word(v1::Result::Kind kind) {
  std::string name = v1::Result::Kind_Name(kind);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  return name;
}

/// Empty where a server from before there was one leaves it out.
LabelGrid grid_of(const v1::Result& result) {
  LabelGrid grid;
  if (!result.has_grid()) return grid;
  const v1::LabelGrid& message = result.grid();
  if (message.size_size() != 3 || message.affine_size() != 16)
    fail(Code::data_loss, "answer: the grid of ", word(result.kind()), " has ", message.size_size(), " axes and ",
         message.affine_size(), " numbers in its affine, 3 and 16 expected");
  grid.datatype = message.datatype();
  std::copy(message.size().begin(), message.size().end(), grid.size.begin());
  std::copy(message.affine().begin(), message.affine().end(), grid.affine.begin());
  return grid;
}

}  // namespace

void ResultCollector::take(const v1::Accepted& accepted) {
  outcome_.request_id = accepted.request_id();
  outcome_.model_version = accepted.model_version();
}

void ResultCollector::take(const v1::ResultHeader& header) {
  if (!results_.empty()) fail(Code::data_loss, "answer: a second result header");
  for (const v1::Result& result : header.results()) {
    const auto same_kind = [&](const Result& other) { return other.kind == result.kind(); };
    if (std::any_of(results_.begin(), results_.end(), same_kind))
      fail(Code::data_loss, "answer: two results of kind ", word(result.kind()));
    if (result.byte_size() > max_result_bytes_)
      fail(Code::data_loss, "answer: ", word(result.kind()), " of ", result.byte_size(), " bytes, at most ",
           max_result_bytes_);
    results_.push_back({result.kind(), result.byte_size(), place_of(result.kind())});
    if (result.kind() == v1::Result::MASK) outcome_.mask_grid = grid_of(result);
    if (result.kind() == v1::Result::CONTOUR) outcome_.contour_grid = grid_of(result);
  }
}

void ResultCollector::take(const v1::ResultChunk& chunk) {
  if (chunk.result() >= results_.size())
    fail(Code::data_loss, "answer: a chunk of result ", chunk.result(), ", announced were ", results_.size());
  const Result& result = results_[chunk.result()];
  std::string& bytes = outcome_.*result.bytes;
  if (chunk.offset() != bytes.size())
    fail(Code::data_loss, "answer: ", word(result.kind), " goes on at byte ", chunk.offset(), ", expected ",
         bytes.size());
  if (chunk.data().size() > result.size - bytes.size())
    fail(Code::data_loss, "answer: ", word(result.kind), " is longer than the announced ", result.size, " bytes");
  bytes += chunk.data();
}

void ResultCollector::take(const v1::Summary& summary) {
  summarised_ = true;
  if (!summary.model_version().empty()) outcome_.model_version = summary.model_version();
  outcome_.warnings.assign(summary.warnings().begin(), summary.warnings().end());
  outcome_.stage_ms.insert(summary.stage_ms().begin(), summary.stage_ms().end());
}

void ResultCollector::require(bool asked, v1::Result::Kind kind) const {
  const auto same_kind = [&](const Result& result) { return result.kind == kind; };
  if (asked && std::none_of(results_.begin(), results_.end(), same_kind))
    fail(Code::data_loss, "answer: no ", word(kind), ", although it was asked for");
}

SegmentationOutcome ResultCollector::finish(const SegmentationInput& input) {
  for (const Result& result : results_) {
    const std::size_t got = (outcome_.*result.bytes).size();
    if (got != result.size)
      fail(Code::data_loss, "answer: ", word(result.kind), " ends after ", got, " of ", result.size, " bytes");
  }
  if (!summarised_) fail(Code::data_loss, "answer: the call ended without a summary");
  require(input.mask, v1::Result::MASK);
  require(input.contour, v1::Result::CONTOUR);
  require(input.probabilities, v1::Result::PROBABILITIES);
  require(input.preview, v1::Result::PREVIEW);
  require(input.report, v1::Result::REPORT);
  return std::exchange(outcome_, {});
}

}  // namespace voxd
