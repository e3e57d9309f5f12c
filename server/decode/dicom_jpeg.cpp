#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "gpu_transforms/volume/error.h"
#include "server/decode/dicom_codecs.h"
#include "server/decode/dicom_dataset.h"

namespace voxd {
namespace {

std::unique_ptr<DcmPixelItem> item_of(std::span<const std::byte> bytes) {
  auto item = std::make_unique<DcmPixelItem>(DcmTag(DCM_Item, EVR_OB));
  if (!bytes.empty() &&
      item->putUint8Array(reinterpret_cast<const Uint8*>(bytes.data()), static_cast<unsigned long>(bytes.size())).bad())
    fail(Code::invalid_argument, "compressed frame: ", bytes.size(), " bytes do not fit a fragment");
  return item;
}

/// DCMTK decodes frames of data sets: one with this frame alone.
DcmPixelData& add_frame(DcmDataset& dataset, std::span<const std::byte> stream, E_TransferSyntax syntax) {
  auto sequence = std::make_unique<DcmPixelSequence>(DcmTag(DCM_PixelData, EVR_OB));
  for (auto& item : {std::span<const std::byte>{}, stream}) sequence->insert(item_of(item).release());
  auto pixel_data = std::make_unique<DcmPixelData>(DcmTag(DCM_PixelData, EVR_OB));
  pixel_data->putOriginalRepresentation(syntax, nullptr, sequence.release());
  DcmPixelData& added = *pixel_data;
  if (dataset.insert(pixel_data.release()).bad()) fail(Code::internal, "compressed frame: no data set holds it");
  return added;
}

void describe(DcmDataset& dataset, const DicomPixels& pixels) {
  const auto put = [&dataset](const DcmTagKey& tag, int value) {
    dataset.putAndInsertUint16(DcmTag(tag, EVR_US), static_cast<Uint16>(value));
  };
  put(DCM_SamplesPerPixel, 1);
  put(DCM_Rows, pixels.rows);
  put(DCM_Columns, pixels.columns);
  put(DCM_BitsAllocated, pixels.bits_allocated);
  put(DCM_BitsStored, pixels.bits_stored);
  put(DCM_HighBit, pixels.high_bit);
  put(DCM_PixelRepresentation, pixels.is_signed ? 1 : 0);
  dataset.putAndInsertString(DcmTag(DCM_PhotometricInterpretation, EVR_CS), "MONOCHROME2");
}

}  // namespace

void decode_jpeg(std::span<const std::byte> stream, const std::string& transfer_syntax, const DicomPixels& pixels,
                 std::span<std::byte> out) {
  prepare_dcmtk();
  check_codestream(read_jpeg_header(stream), pixels);
  DcmDataset dataset;
  describe(dataset, pixels);
  DcmPixelData& frame = add_frame(dataset, stream, DcmXfer(transfer_syntax.c_str()).getXfer());
  // DCMTK writes an even number of bytes.
  std::vector<std::byte> padded(out.size() % 2 == 0 ? 0 : out.size() + 1);
  const std::span<std::byte> to = padded.empty() ? out : std::span(padded);
  Uint32 start_fragment = 0;
  OFString colour_model;
  if (frame.getUncompressedFrame(&dataset, 0, start_fragment, to.data(), static_cast<Uint32>(to.size()), colour_model)
          .bad())
    fail(Code::invalid_argument, "compressed frame: the JPEG stream is damaged or cut short");
  if (!padded.empty()) std::copy_n(padded.begin(), out.size(), out.begin());
}

}  // namespace voxd
