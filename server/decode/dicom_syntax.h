#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/decode/dicom_dataset.h"
#include "server/decode/dicom_instance.h"

namespace voxd {

/// Who decodes a frame: DCMTK (uncompressed, JPEG), CharLS (JPEG-LS), openjpeg (JPEG 2000) or our own few lines (RLE: a
/// damaged stream makes DCMTK's decoder read beyond it).
enum class DicomCodec { uncompressed, run_length, jpeg, jpeg_ls, jpeg2000 };

/// Throws Error{invalid_argument} naming a transfer syntax that is not supported.
DicomCodec codec_of(std::string_view transfer_syntax);

/// UID of the file's transfer syntax: as its meta header says, else as it was found to be.
std::string transfer_syntax_of(DcmFileFormat& file);

/// The bytes of one compressed frame: its fragments, put together where there are several. Throws
/// Error{invalid_argument} where the pixel data has no such frame.
class CompressedFrame {
 public:
  CompressedFrame(DcmDataset& dataset, std::int32_t frame, std::int32_t frames);
  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::vector<std::byte> joined_;
  std::span<const std::byte> bytes_;
};

/// Throws Error{invalid_argument} if a file of that size cannot hold the pixels that its header announces.
void check_file_size(std::int64_t file_bytes, const DicomInstance& instance);

}  // namespace voxd
