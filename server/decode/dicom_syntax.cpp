#include "server/decode/dicom_syntax.h"

#include <dcmtk/dcmdata/dccodec.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>

#include <algorithm>

#include "gpu_transforms/volume/checked.h"
#include "gpu_transforms/volume/error.h"
#include "server/decode/gzip_reader.h"

namespace voxd {
namespace {

struct Syntax {
  std::string_view uid;
  DicomCodec codec;
};

constexpr Syntax syntaxes[] = {
    {UID_LittleEndianImplicitTransferSyntax, DicomCodec::uncompressed},
    {UID_LittleEndianExplicitTransferSyntax, DicomCodec::uncompressed},
    {UID_BigEndianExplicitTransferSyntax, DicomCodec::uncompressed},
    {UID_DeflatedExplicitVRLittleEndianTransferSyntax, DicomCodec::uncompressed},
    {UID_RLELosslessTransferSyntax, DicomCodec::run_length},
    {UID_JPEGProcess1TransferSyntax, DicomCodec::jpeg},      // baseline
    {UID_JPEGProcess2_4TransferSyntax, DicomCodec::jpeg},    // extended
    {UID_JPEGProcess14TransferSyntax, DicomCodec::jpeg},     // lossless
    {UID_JPEGProcess14SV1TransferSyntax, DicomCodec::jpeg},  // lossless, first-order prediction
    {UID_JPEGLSLosslessTransferSyntax, DicomCodec::jpeg_ls},
    {UID_JPEGLSLossyTransferSyntax, DicomCodec::jpeg_ls},
    {UID_JPEG2000LosslessOnlyTransferSyntax, DicomCodec::jpeg2000},
    {UID_JPEG2000TransferSyntax, DicomCodec::jpeg2000},
    {"1.2.840.10008.1.2.4.201", DicomCodec::jpeg2000},  // HTJ2K lossless
    {"1.2.840.10008.1.2.4.202", DicomCodec::jpeg2000},  // HTJ2K lossless RPCL
    {"1.2.840.10008.1.2.4.203", DicomCodec::jpeg2000},  // HTJ2K
};

/// A UID is shown only if it is one.
std::string shown(std::string_view uid) {
  const bool is_uid = uid.size() <= 64 && uid.find_first_not_of("0123456789.") == std::string_view::npos;
  return is_uid ? std::string(uid) : "no UID";
}

DcmPixelSequence& pixel_sequence(DcmDataset& dataset) {
  DcmElement* element = nullptr;
  dataset.findAndGetElement(DCM_PixelData, element);
  // Pixel data of another kind may stand there under the same tag.
  auto* const pixels = dynamic_cast<DcmPixelData*>(element);
  E_TransferSyntax original = EXS_Unknown;
  const DcmRepresentationParameter* parameter = nullptr;
  DcmPixelSequence* sequence = nullptr;
  if (pixels != nullptr) pixels->getOriginalRepresentationKey(original, parameter);
  if (pixels == nullptr || pixels->getEncapsulatedRepresentation(original, parameter, sequence).bad() ||
      sequence == nullptr)
    fail(Code::invalid_argument, "pixel data: none, or not compressed although the transfer syntax is");
  return *sequence;
}

std::span<const std::byte> fragment(DcmPixelSequence& sequence, unsigned long index) {
  DcmPixelItem* item = nullptr;
  Uint8* bytes = nullptr;
  if (sequence.getItem(item, index).bad() || item == nullptr || item->getUint8Array(bytes).bad() || bytes == nullptr)
    return {};
  return {reinterpret_cast<const std::byte*>(bytes), item->getLength()};
}

struct Fragments {
  unsigned long first, end;
};

/// Item 0 is the table of offsets. Without a table, and with more fragments than frames, only one frame is clear.
Fragments fragments_of(DcmPixelSequence& sequence, std::int32_t frame, std::int32_t frames) {
  const unsigned long end = sequence.card();
  if (end < 2) fail(Code::invalid_argument, "pixel data: no fragments");
  if (frames == 1) return {1, end};
  if (end - 1 == static_cast<unsigned long>(frames))
    return {1 + static_cast<unsigned long>(frame), 2 + static_cast<unsigned long>(frame)};
  Uint32 first = 0, next = 0;
  if (DcmCodec::determineStartFragment(static_cast<Uint32>(frame), frames, &sequence, first).bad())
    fail(Code::invalid_argument, "pixel data: ", end - 1, " fragments do not say where frame ", frame + 1, " begins");
  if (frame + 1 == frames) return {first, end};
  if (DcmCodec::determineStartFragment(static_cast<Uint32>(frame + 1), frames, &sequence, next).bad() || next <= first)
    fail(Code::invalid_argument, "pixel data: ", end - 1, " fragments do not say where frame ", frame + 1, " ends");
  return {first, next};
}

}  // namespace

DicomCodec codec_of(std::string_view transfer_syntax) {
  for (const Syntax& syntax : syntaxes)
    if (syntax.uid == transfer_syntax) return syntax.codec;
  const char* const name = dcmFindNameOfUID(std::string(transfer_syntax).c_str(), "unknown");
  fail(Code::invalid_argument, "transfer syntax: ", name, " (", shown(transfer_syntax), "), not supported");
}

std::string transfer_syntax_of(DcmFileFormat& file) {
  const std::string said = text_of(*file.getMetaInfo(), DCM_TransferSyntaxUID);
  return said.empty() ? DcmXfer(file.getDataset()->getOriginalXfer()).getXferID() : said;
}

CompressedFrame::CompressedFrame(DcmDataset& dataset, std::int32_t frame, std::int32_t frames) {
  DcmPixelSequence& sequence = pixel_sequence(dataset);
  const auto [first, end] = fragments_of(sequence, frame, frames);
  bytes_ = fragment(sequence, first);
  if (end - first == 1) return;
  for (unsigned long i = first; i < end; ++i) {
    const auto piece = fragment(sequence, i);
    joined_.insert(joined_.end(), piece.begin(), piece.end());
  }
  bytes_ = joined_;
}

void check_file_size(std::int64_t file_bytes, const DicomInstance& instance) {
  const DicomPixels& pixels = instance.pixels;
  const std::int64_t needed = checked_product({pixels.frame_bytes(), pixels.frames}, "pixel data");
  std::int64_t most_ratio = 0;  // what the codec can make of one byte; 0: no telling
  if (instance.transfer_syntax == UID_DeflatedExplicitVRLittleEndianTransferSyntax)
    most_ratio = GzipReader::max_ratio;
  else if (codec_of(instance.transfer_syntax) == DicomCodec::uncompressed)
    most_ratio = 1;
  else if (codec_of(instance.transfer_syntax) == DicomCodec::run_length)
    most_ratio = 64;
  if (most_ratio > 0 && needed > checked_product({file_bytes, most_ratio}, "pixel data"))
    fail(Code::invalid_argument, "pixel data: ", pixels.columns, "x", pixels.rows, " pixels, ", pixels.frames,
         " frames, need ", needed, " bytes, a file of ", file_bytes, " cannot hold them");
}

}  // namespace voxd
