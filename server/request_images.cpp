#include "server/request_images.h"

#include <algorithm>
#include <utility>

#include "server/decode/archive.h"
#include "server/decode/dicom_file.h"
#include "server/decode/image.h"
#include "server/printable.h"

namespace voxd {
namespace {

bool is_dicom_part(const StagedPart& part) {
  return part.format == "dicom" || (part.format.empty() && is_dicom(part.bytes.bytes()));
}

std::string name_of_part(const StagedPart& part) { return "part '" + printable(part.id) + "'"; }

void decode_series(std::span<StagedPart> parts, const ImageDecoding& how, double done_before, double share,
                   RequestImages& decoded) {
  std::vector<std::span<const std::byte>> files;
  for (const StagedPart& part : parts) files.push_back(std::as_const(part.bytes).bytes());
  const DicomDecoding dicom{.limits = {},
                            .threads = how.threads,
                            .progress = [&](double done) { how.progress(done_before + share * done); },
                            .decode_frame = how.decode_frame,
                            .name_of = [&](std::size_t i) { return name_of_part(parts[i]); }};
  DicomSource source = open_dicom_series(files, dicom);
  how.progress(done_before);
  decoded.images.push_back(decode_dicom_series(source, files, how.allocate, dicom));
  if (how.keep_dicom_header)
    decoded.dicom_header = dicom_header(files[source.series.slices.front().instance], dicom.limits);
  for (StagedPart& part : parts) part.bytes = {};
  const auto& warnings = source.series.warnings;
  decoded.warnings.insert(decoded.warnings.end(), warnings.begin(), warnings.end());
  decoded.dicom = std::move(source);
}

bool is_archive_part(const StagedPart& part) {
  return part.format == "zip" || part.format == "tar" || (part.format.empty() && is_archive(part.bytes.bytes()));
}

/// The DICOM files in an archive, as parts.
std::vector<StagedPart> parts_of_archive(StagedPart archive, const ImageDecoding& how, RequestImages& decoded) {
  std::vector<HostBuffer> files =
      unpack_archive(archive.bytes.bytes(), {.max_bytes = how.max_unpacked_bytes}, how.allocate);
  std::vector<StagedPart> parts;
  for (std::size_t i = 0; i < files.size(); ++i)
    if (is_dicom(std::as_const(files[i]).bytes()))
      parts.push_back({archive.id + "/" + std::to_string(i + 1), "dicom", "", std::move(files[i])});
  if (parts.empty()) fail(Code::invalid_argument, "archive: ", files.size(), " files, none of them DICOM");
  if (parts.size() < files.size())
    decoded.warnings.push_back("left out " + std::to_string(files.size() - parts.size()) +
                               " files of the archive that are not DICOM");
  return parts;
}

void decode_one_by_one(std::vector<StagedPart>& parts, const ImageDecoding& how, RequestImages& decoded) {
  const double share = 1 / static_cast<double>(parts.size());
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const double done_before = share * static_cast<double>(i);
    if (is_dicom_part(parts[i])) {
      decode_series(std::span(parts).subspan(i, 1), how, done_before, share, decoded);
    } else {
      const HostBuffer bytes = std::move(parts[i].bytes);
      decoded.images.push_back(decode_image(bytes.bytes(), parts[i].format, how.allocate, DecodeLimits{}).volume);
    }
    how.progress(done_before + share);
  }
}

}  // namespace

RequestImages decode_parts(std::vector<StagedPart>& parts, const ImageDecoding& how) {
  RequestImages decoded;
  if (std::any_of(parts.begin(), parts.end(), is_archive_part)) {
    if (parts.size() > 1) fail(Code::invalid_argument, "parts: ", parts.size(), ", an archive is the only one");
    parts = parts_of_archive(std::move(parts.front()), how, decoded);
  }
  const auto dicom = static_cast<std::size_t>(std::count_if(parts.begin(), parts.end(), is_dicom_part));
  const bool named = !parts.empty() && !parts.front().channel.empty();
  if (dicom > 0 && dicom < parts.size() && !named)
    fail(Code::invalid_argument, "parts: ", dicom, " are DICOM and ", parts.size() - dicom,
         " are not: the files of one series or one file per channel are expected");
  if (dicom > 0 && !named)
    decode_series(parts, how, 0, 1, decoded);
  else
    decode_one_by_one(parts, how, decoded);
  // What refers to the source can do so where there is one.
  if (decoded.images.size() > 1) decoded.dicom.reset();
  return decoded;
}

}  // namespace voxd
