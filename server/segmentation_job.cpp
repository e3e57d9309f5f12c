#include "server/segmentation_job.h"

#include <utility>

#include "models/sha256.h"
#include "server/decoder_pool.h"
#include "server/encode/dicom_seg.h"
#include "server/encode/label_map.h"
#include "server/encode/nifti.h"
#include "server/encode/preview.h"
#include "server/encode/report.h"
#include "server/version.h"

namespace voxd {
namespace {

constexpr std::string_view kGzip = "application/gzip";
constexpr std::string_view kBytes = "application/octet-stream";
constexpr std::string_view kDicom = "application/dicom";
constexpr std::string_view kPng = "image/png";
constexpr std::string_view kJson = "application/json";

std::vector<std::byte> bytes_of(const std::string& text) {
  const auto* const begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

FrameDecoder frame_decoder(DecoderPool* decoders) {
  if (decoders == nullptr) return decode_frame;
  return [decoders](const CodedFrame& frame, std::span<std::byte> out) { decoders->decode(frame, out); };
}

}  // namespace

SegmentationJob::SegmentationJob(SegmentationRequest request, std::shared_ptr<JobListener<SegmentationResult>> listener,
                                 JobRecords& records)
    : PipelineJob(request.model, records,
                  {.contour = request.options.contour,
                   .components = request.options.report,
                   .probabilities = request.options.probabilities}),
      request_(std::move(request)),
      listener_(std::move(listener)) {
  audit_record.request_id = request_.request_id;
  audit_record.trace = request_.trace;
  for (const StagedPart& part : request_.parts) bytes += static_cast<std::int64_t>(part.bytes.size());
}

std::vector<HostVolume> SegmentationJob::decode(const WorkerResources& resources) {
  if (is_audited() || request_.options.report)
    for (const StagedPart& part : request_.parts)
      audit_record.input_sha256.push_back(Sha256().add(part.bytes.bytes()).hex());
  RequestImages decoded = decode_parts(request_.parts, {.allocate = resources.staging,
                                                        .threads = resources.threads,
                                                        .keep_dicom_header = request_.options.dicom(),
                                                        .max_unpacked_bytes = request_.max_unpacked_bytes,
                                                        .decode_frame = frame_decoder(resources.decoders),
                                                        .progress = [this](double fraction) {
                                                          report({Stage::decode, fraction, 0});
                                                          check();
                                                        }});
  if (request_.options.dicom() && !decoded.dicom)
    fail(Code::invalid_argument, request_.options.dicom_seg ? "options.dicom_seg" : "options.dicom_rtstruct",
         ": the image is not one DICOM series");
  result_.warnings = std::move(decoded.warnings);
  dicom_ = std::move(decoded.dicom);
  dicom_header_ = std::move(decoded.dicom_header);
  return std::move(decoded.images);
}

void SegmentationJob::encode(const std::vector<HostVolume>& images, PipelineResult result) {
  const Clock::time_point start = Clock::now();
  const SegmentationOptions& wanted = request_.options;
  const PipelineDescription& description = model().pipeline->description();
  const LabelMap mask(result.at(description.mask_key));
  if (wanted.mask) add_labels(ResultKind::mask, *mask, wanted.mask_format);
  check();
  if (wanted.contour) {
    const LabelMap contour(description.contour_key.empty() ? result.contour.value()
                                                           : result.at(description.contour_key));
    add_labels(ResultKind::contour, *contour, wanted.contour_format);
  }
  check();
  if (wanted.probabilities)
    add({ResultKind::probabilities, kGzip, encode_nifti_gz(result.probabilities.value(), [this] { check(); })});
  check();
  if (wanted.dicom()) add_dicom_objects(*mask);
  check();
  if (wanted.preview) add({ResultKind::preview, kPng, encode_preview_png(images[0], *mask)});
  check();
  if (wanted.report) add({ResultKind::report, kJson, bytes_of(report_of(images[0], *mask, result.components, start))});
}

void SegmentationJob::add_labels(ResultKind kind, const HostVolume& labels, LabelFileFormat format) {
  const ResultGrid grid{labels.dtype, labels.geometry};
  switch (format) {
    case LabelFileFormat::nifti_gz: return add({kind, kGzip, encode_nifti_gz(labels, [this] { check(); }), grid});
    case LabelFileFormat::nifti: return add({kind, kBytes, encode_nifti(labels), grid});
    case LabelFileFormat::raw: {
      const std::span<const std::byte> voxels = labels.voxels.bytes();
      return add({kind, kBytes, {voxels.begin(), voxels.end()}, grid});
    }
  }
}

void SegmentationJob::add_dicom_objects(const HostVolume& mask) {
  const PipelineDescription& description = model().pipeline->description();
  const DicomSubject subject{.source = *dicom_,
                             .header = dicom_header_,
                             .names = description.labels,
                             .model = model().name,
                             .model_version = model().version,
                             .voxd_version = std::string(version())};
  const std::string no_reference = why_no_reference(*dicom_);
  const auto add_object = [&](bool wanted, ResultKind kind, const char* name, auto encode_object) {
    if (!wanted) return;
    std::vector<std::byte> file = no_reference.empty() ? encode_object(mask, subject) : std::vector<std::byte>{};
    if (!file.empty()) return add({kind, kDicom, std::move(file)});
    result_.warnings.push_back(std::string("no DICOM ") + name + ": " +
                               (no_reference.empty() ? "nothing was found" : no_reference));
  };
  add_object(request_.options.dicom_seg, ResultKind::dicom_seg, "segmentation", encode_dicom_seg);
  check();
  add_object(request_.options.dicom_rtstruct, ResultKind::dicom_rtstruct, "structure set",
             [holes = request_.options.rtstruct_holes](const HostVolume& labels, const DicomSubject& of) {
               return encode_dicom_rtstruct(labels, of, holes);
             });
}

std::string SegmentationJob::report_of(const HostVolume& image, const HostVolume& mask,
                                       const std::map<int, std::int64_t>& components,
                                       Clock::time_point encode_start) const {
  Report report;
  report.request_id = request_.request_id;
  report.voxd_version = version();
  report.model = model().name;
  report.model_version = model().version;
  report.intended_use = model().pipeline->description().intended_use;
  report.input = image.geometry;
  report.input_dtype = image.dtype;
  report.input_sha256 = audit_record.input_sha256;
  report.mask_sha256 = Sha256().add(mask.voxels.bytes()).hex();
  report.warnings = result_.warnings;
  report.labels = label_statistics(mask, model().pipeline->description().labels);
  for (LabelStatistics& label : report.labels)
    if (const auto count = components.find(label.label); count != components.end()) label.components = count->second;
  StageTimes times = stage_ms();
  times[static_cast<std::size_t>(Stage::encode)] = ms_since(encode_start);
  for (int i = 0; i < kStages; ++i)
    report.stages_ms.emplace_back(name_of(static_cast<Stage>(i)), times[static_cast<std::size_t>(i)]);
  report.total_ms = elapsed_ms();
  return encode_report(report);
}

void SegmentationJob::add(ResultFile file) {
  if (is_audited()) audit_record.output_sha256.push_back(Sha256().add(file.bytes).hex());
  result_.files.push_back(std::move(file));
  report({Stage::encode, static_cast<double>(result_.files.size()) / request_.options.count(), 0});
}

void SegmentationJob::deliver() noexcept {
  result_.stage_ms = stage_ms();
  listener_->on_done(std::move(result_));
}

void SegmentationJob::deliver_error(const Error& error) noexcept { listener_->on_error(error); }
void SegmentationJob::report(const JobProgress& progress) noexcept { listener_->on_progress(progress); }

}  // namespace voxd
