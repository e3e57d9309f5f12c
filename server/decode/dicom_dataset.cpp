#include "server/decode/dicom_dataset.h"

#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/oflog/oflog.h>

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gpu_transforms/volume/checked.h"
#include "gpu_transforms/volume/error.h"
#include "server/decode/inflate.h"

namespace voxd {
namespace {

constexpr std::int64_t most_header_bytes = std::int64_t{16} << 20;  // of a deflated file, before its pixels
constexpr std::int64_t most_bytes_after_pixels = std::int64_t{1} << 20;

[[noreturn]] void fail_unparsable() {
  fail(Code::invalid_argument, "dicom: the file is damaged, cut short or not DICOM");
}

void feed(DcmInputBufferStream& stream, std::span<const std::byte> bytes) {
  stream.setBuffer(bytes.data(), static_cast<offile_off_t>(bytes.size()));
  stream.setEos();
}

DcmTagKey stop_of(DicomDepth depth) { return depth == DicomDepth::whole ? DCM_UndefinedTagKey : DCM_PixelData; }

struct Meta {
  std::string transfer_syntax;  // empty: the file does not say
  std::size_t end = 0;          // where the data set begins
};

Meta read_meta(std::span<const std::byte> file) {
  DcmMetaInfo meta;
  DcmInputBufferStream stream;
  feed(stream, file);
  meta.transferInit();
  const OFCondition result = meta.read(stream, EXS_Unknown, EGL_noChange, DCM_MaxReadLength);
  meta.transferEnd();
  const auto end = static_cast<std::size_t>(stream.tell());
  if (result.bad() || end > file.size()) return {};
  return {text_of(meta, DCM_TransferSyntaxUID), end};
}

/// DCMTK reads a file by its meta header, but does not know HTJ2K, which is laid out like JPEG 2000.
E_TransferSyntax layout_of(const std::string& transfer_syntax) {
  return transfer_syntax.starts_with("1.2.840.10008.1.2.4.20") && transfer_syntax.size() == 23 ? EXS_JPEG2000
                                                                                               : EXS_Unknown;
}

std::int64_t expected_pixel_bytes(DcmItem& dataset, const DecodeLimits& limits) {
  Uint16 rows = 0, columns = 0, samples = 1, bits = 16;
  Sint32 frames = 1;
  dataset.findAndGetUint16(DCM_Rows, rows);
  dataset.findAndGetUint16(DCM_Columns, columns);
  dataset.findAndGetUint16(DCM_SamplesPerPixel, samples);
  dataset.findAndGetUint16(DCM_BitsAllocated, bits);
  dataset.findAndGetSint32(DCM_NumberOfFrames, frames);
  const std::int64_t bytes = checked_product({rows, columns, samples, frames, (bits + 7) / 8}, "pixel data");
  if (bytes > limits.max_bytes)
    fail(Code::invalid_argument, "pixel data: ", bytes, " bytes, at most ", limits.max_bytes);
  return bytes;
}

void read_dataset(std::span<const std::byte> bytes, DicomDepth depth, DcmDataset& dataset) {
  DcmInputBufferStream stream;
  feed(stream, bytes);
  dataset.transferInit();
  const OFCondition result =
      dataset.readUntilTag(stream, EXS_LittleEndianExplicit, EGL_noChange, DCM_MaxReadLength, stop_of(depth));
  dataset.transferEnd();
  if (result.bad()) fail_unparsable();
}

std::unique_ptr<DcmFileFormat> as_deflated(std::unique_ptr<DcmFileFormat> file) {
  file->getMetaInfo()->putAndInsertString(DCM_TransferSyntaxUID, UID_DeflatedExplicitVRLittleEndianTransferSyntax);
  return file;
}

/// Deflate's ratio is a thousand: the header is inflated first, and tells how much may follow.
std::unique_ptr<DcmFileFormat> parse_deflated(std::span<const std::byte> deflated, DicomDepth depth,
                                              const DecodeLimits& limits) {
  auto file = std::make_unique<DcmFileFormat>();
  std::vector<std::byte> bytes = inflate_raw(deflated, most_header_bytes);
  read_dataset(bytes, DicomDepth::until_pixels, *file->getDataset());
  if (depth == DicomDepth::until_pixels) return as_deflated(std::move(file));
  const std::int64_t most =
      most_header_bytes + expected_pixel_bytes(*file->getDataset(), limits) + most_bytes_after_pixels;
  bytes = inflate_raw(deflated, most + 1);
  if (static_cast<std::int64_t>(bytes.size()) > most)
    fail(Code::invalid_argument, "dicom: deflated data inflates to more than the ", most,
         " bytes its header allows for");
  file = std::make_unique<DcmFileFormat>();
  read_dataset(bytes, depth, *file->getDataset());
  return as_deflated(std::move(file));
}

}  // namespace

void prepare_dcmtk() {
  static std::once_flag once;
  std::call_once(once, [] {
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    DJDecoderRegistration::registerCodecs();
    dcmDataDict.isDictionaryLoaded();
  });
}

std::unique_ptr<DcmFileFormat> parse_dicom(std::span<const std::byte> file, DicomDepth depth,
                                           const DecodeLimits& limits) {
  prepare_dcmtk();
  if (file.empty()) fail_unparsable();
  const Meta meta = read_meta(file);
  if (meta.transfer_syntax == UID_DeflatedExplicitVRLittleEndianTransferSyntax)
    return parse_deflated(file.subspan(meta.end), depth, limits);
  auto parsed = std::make_unique<DcmFileFormat>();
  DcmInputBufferStream stream;
  feed(stream, file);
  parsed->transferInit();
  const OFCondition result =
      parsed->readUntilTag(stream, layout_of(meta.transfer_syntax), EGL_noChange, DCM_MaxReadLength, stop_of(depth));
  parsed->transferEnd();
  if (result.bad()) fail_unparsable();
  return parsed;
}

std::string text_of(DcmItem& item, const DcmTagKey& tag) {
  OFString text;
  if (item.findAndGetOFStringArray(tag, text).bad()) return {};
  constexpr std::string_view padding(" \0", 2);
  const std::string_view view(text.data(), text.size());
  const std::size_t begin = std::min(view.find_first_not_of(padding), view.size());
  return std::string(view.substr(begin, view.find_last_not_of(padding) + 1 - begin));
}

DcmItem* first_item(DcmItem& item, const DcmTagKey& sequence) {
  DcmItem* found = nullptr;
  return item.findAndGetSequenceItem(sequence, found, 0).good() ? found : nullptr;
}

}  // namespace voxd
