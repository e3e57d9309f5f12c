#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/encode/dicom_rtstruct.h"
#include "server/pipeline_job.h"
#include "server/request_images.h"

namespace voxd {

enum class ResultKind { mask, contour, probabilities, dicom_seg, dicom_rtstruct, preview, report };
enum class LabelFileFormat { nifti_gz, nifti, raw };

struct SegmentationOptions {
  bool mask = true;
  bool contour = false;
  bool probabilities = false;
  bool dicom_seg = false;
  bool dicom_rtstruct = false;
  bool preview = false;
  bool report = false;
  LabelFileFormat mask_format = LabelFileFormat::nifti_gz;
  LabelFileFormat contour_format = LabelFileFormat::nifti_gz;
  Holes rtstruct_holes = Holes::outlines;

  bool dicom() const { return dicom_seg || dicom_rtstruct; }
  int count() const { return mask + contour + probabilities + dicom_seg + dicom_rtstruct + preview + report; }
};

struct SegmentationRequest {
  std::string request_id;
  std::string trace;  ///< of the caller's traceparent; empty: none
  std::shared_ptr<const Model> model;
  std::vector<StagedPart> parts;  ///< in the pipeline's order; several are channels, or the files of a DICOM series
  SegmentationOptions options;
  std::int64_t max_unpacked_bytes = std::int64_t{640} << 20;  ///< of the files in an archive
};

struct ResultGrid {
  DType dtype = DType::u8;
  Geometry geometry;
};

struct ResultFile {
  ResultKind kind;
  std::string_view media_type;
  std::vector<std::byte> bytes;
  std::optional<ResultGrid> grid = {};  ///< of a label map
};

struct SegmentationResult {
  std::vector<ResultFile> files;  ///< in ResultKind's order, as far as asked for and made
  std::vector<std::string> warnings;
  StageTimes stage_ms{};
};

/// Image files through a model's pipeline to files: what Segment runs. Thread rule: Job's.
/// A preview and DICOM objects need image and mask on one grid: ask for them only where the pipeline ends on the
/// input's.
class SegmentationJob final : public PipelineJob {
 public:
  SegmentationJob(SegmentationRequest request, std::shared_ptr<JobListener<SegmentationResult>> listener,
                  JobRecords& records);

 private:
  std::vector<HostVolume> decode(const WorkerResources& resources) override;
  void encode(const std::vector<HostVolume>& images, PipelineResult result) override;
  void deliver() noexcept override;
  void deliver_error(const Error& error) noexcept override;
  void report(const JobProgress& progress) noexcept override;

  void add_labels(ResultKind kind, const HostVolume& labels, LabelFileFormat format);
  void add_dicom_objects(const HostVolume& mask);
  void add(ResultFile file);
  std::string report_of(const HostVolume& image, const HostVolume& mask, const std::map<int, std::int64_t>& components,
                        Clock::time_point encode_start) const;

  SegmentationRequest request_;
  const std::shared_ptr<JobListener<SegmentationResult>> listener_;
  SegmentationResult result_;
  std::optional<DicomSource> dicom_;  // with dicom_header_, where the image is one DICOM series
  std::vector<std::byte> dicom_header_;
};

}  // namespace voxd
