#include "server/decode/dicom_frames.h"

#include <algorithm>
#include <mutex>
#include <vector>

#include "gpu_transforms/volume/error.h"
#include "server/decode/dicom_dataset.h"
#include "server/decode/dicom_syntax.h"

namespace voxd {

struct DicomFrames::File {
  std::mutex mutex;  // guards the next two
  std::unique_ptr<DcmFileFormat> parsed;
  DcmPixelData* pixel_data;
  DicomPixels pixels;
  std::string transfer_syntax;
  bool words_swapped;  // big endian, and more than the 16 bits that DCMTK turns round
};

namespace {

/// Each number's halves change places.
void swap_words(std::span<std::byte> numbers) {
  for (std::size_t at = 0; at + 4 <= numbers.size(); at += 4)
    std::swap_ranges(numbers.begin() + static_cast<std::ptrdiff_t>(at),
                     numbers.begin() + static_cast<std::ptrdiff_t>(at + 2),
                     numbers.begin() + static_cast<std::ptrdiff_t>(at + 2));
}

}  // namespace

DicomFrames::DicomFrames(std::span<const std::byte> file, const DicomInstance& instance, const DecodeLimits& limits)
    : file_(std::make_unique<File>()) {
  file_->parsed = parse_dicom(file, DicomDepth::whole, limits);
  file_->pixels = instance.pixels;
  file_->transfer_syntax = instance.transfer_syntax;
  file_->words_swapped =
      instance.transfer_syntax == UID_BigEndianExplicitTransferSyntax && instance.pixels.bits_allocated == 32;
  DcmElement* element = nullptr;
  file_->parsed->getDataset()->findAndGetElement(DCM_PixelData, element);
  // Pixel data of another kind may stand there under the same tag.
  file_->pixel_data = dynamic_cast<DcmPixelData*>(element);
  if (file_->pixel_data == nullptr) fail(Code::invalid_argument, "pixel data: none");
}

DicomFrames::~DicomFrames() = default;
DicomFrames::DicomFrames(DicomFrames&&) noexcept = default;

void DicomFrames::read(std::int32_t index, std::span<std::byte> out, const FrameDecoder& decode) {
  DcmDataset& dataset = *file_->parsed->getDataset();
  if (codec_of(file_->transfer_syntax) != DicomCodec::uncompressed) {
    // DCMTK's lists remember where they were read last; what was found in them stays where it is.
    const auto compressed_frame = [&] {
      const std::lock_guard lock(file_->mutex);
      return CompressedFrame(dataset, index, file_->pixels.frames);
    };
    const CompressedFrame frame = compressed_frame();
    return decode({file_->transfer_syntax, file_->pixels, frame.bytes()}, out);
  }
  const std::lock_guard lock(file_->mutex);
  Uint32 bytes = 0;
  Uint32 start_fragment = 0;
  OFString colour_model;
  if (file_->pixel_data->getUncompressedFrameSize(&dataset, bytes).bad() || bytes < out.size())
    fail(Code::invalid_argument, "pixel data: a frame of ", bytes, " bytes, ", out.size(), " expected");
  // DCMTK writes an even number of bytes.
  bytes += bytes % 2;
  std::vector<std::byte> padded(bytes == out.size() ? 0 : bytes);
  std::byte* const to = padded.empty() ? out.data() : padded.data();
  if (file_->pixel_data
          ->getUncompressedFrame(&dataset, static_cast<Uint32>(index), start_fragment, to, bytes, colour_model)
          .bad())
    fail(Code::invalid_argument, "pixel data: frame ", index + 1, " is not there, cut short or damaged");
  if (!padded.empty()) std::copy_n(padded.begin(), out.size(), out.begin());
  if (file_->words_swapped) swap_words(out);
}

}  // namespace voxd
