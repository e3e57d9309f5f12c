#include "server/decode/coded_frame.h"

#include "gpu_transforms/volume/error.h"
#include "server/decode/dicom_codecs.h"
#include "server/decode/dicom_syntax.h"

namespace voxd {

void decode_frame(const CodedFrame& frame, std::span<std::byte> out) {
  switch (codec_of(frame.transfer_syntax)) {
    case DicomCodec::run_length: return decode_run_length(frame.stream, frame.pixels, out);
    case DicomCodec::jpeg: return decode_jpeg(frame.stream, frame.transfer_syntax, frame.pixels, out);
    case DicomCodec::jpeg_ls: return decode_jpeg_ls(frame.stream, frame.pixels, out);
    case DicomCodec::jpeg2000: return decode_jpeg2000(frame.stream, frame.pixels, out);
    case DicomCodec::uncompressed: break;
  }
  fail(Code::internal, "compressed frame: of a transfer syntax without compression");
}

}  // namespace voxd
