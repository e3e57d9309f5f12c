#include "tests/support/dicom_compressed.h"

#include <charls/charls.h>
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dcostrmb.h>
#include <dcmtk/dcmdata/dcrleerg.h>
#include <dcmtk/dcmdata/dctk.h>
#include <dcmtk/dcmjpeg/djencode.h>
#include <dcmtk/dcmjpeg/djrplol.h>
#include <openjpeg.h>

#include <cstring>
#include <memory>
#include <mutex>
#include <stdexcept>

#include "tests/support/dicom_builder.h"

namespace voxd::test {
namespace {

void require(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(what);
}

OPJ_SIZE_T append(void* from, OPJ_SIZE_T count, void* to) {
  auto& out = *static_cast<std::vector<std::byte>*>(to);
  const auto* const bytes = static_cast<const std::byte*>(from);
  out.insert(out.end(), bytes, bytes + count);
  return count;
}

}  // namespace

std::vector<std::byte> compressed_by_dcmtk(const std::vector<std::byte>& file, const std::string& transfer_syntax) {
  static std::once_flag once;
  std::call_once(once, [] {
    DJEncoderRegistration::registerCodecs();
    DcmRLEEncoderRegistration::registerCodecs();
  });
  DcmInputBufferStream in;
  in.setBuffer(file.data(), static_cast<offile_off_t>(file.size()));
  in.setEos();
  DcmFileFormat parsed;
  parsed.transferInit();
  require(parsed.read(in).good(), "not DICOM");
  parsed.transferEnd();
  const E_TransferSyntax syntax = DcmXfer(transfer_syntax.c_str()).getXfer();
  require(parsed.getDataset()->chooseRepresentation(syntax, nullptr).good(), "not compressed");
  std::vector<std::byte> bytes(file.size() * 4 + 65536);
  DcmOutputBufferStream out(bytes.data(), static_cast<offile_off_t>(bytes.size()));
  parsed.transferInit();
  require(parsed.write(out, syntax, EET_ExplicitLength, nullptr).good(), "not written");
  parsed.transferEnd();
  void* begin = nullptr;
  offile_off_t length = 0;
  out.flushBuffer(begin, length);
  bytes.resize(static_cast<std::size_t>(length));
  return bytes;
}

std::vector<std::byte> jpeg_ls_stream(const std::vector<std::uint16_t>& pixels, std::uint32_t columns,
                                      std::uint32_t rows, int bits) {
  charls::jpegls_encoder encoder;
  encoder.frame_info({columns, rows, bits, 1});
  std::vector<std::byte> out(encoder.estimated_destination_size());
  encoder.destination(out.data(), out.size());
  out.resize(encoder.encode(pixels.data(), pixels.size() * 2));
  return out;
}

std::vector<std::byte> jpeg2000_stream(const std::vector<std::uint16_t>& pixels, std::uint32_t columns,
                                       std::uint32_t rows, int bits, bool is_signed) {
  opj_image_cmptparm_t component{};
  component.dx = component.dy = 1;
  component.w = columns;
  component.h = rows;
  component.prec = static_cast<OPJ_UINT32>(bits);
  component.sgnd = is_signed;
  const std::unique_ptr<opj_image_t, void (*)(opj_image_t*)> image(opj_image_create(1, &component, OPJ_CLRSPC_GRAY),
                                                                   opj_image_destroy);
  image->x1 = columns;
  image->y1 = rows;
  for (std::size_t i = 0; i < pixels.size(); ++i)
    image->comps[0].data[i] = is_signed ? static_cast<std::int16_t>(pixels[i]) : pixels[i];
  opj_cparameters_t parameters;
  opj_set_default_encoder_parameters(&parameters);
  parameters.tcp_numlayers = 1;
  parameters.cp_disto_alloc = 1;
  parameters.numresolution = 2;
  opj_codec_t* const codec = opj_create_compress(OPJ_CODEC_J2K);
  opj_stream_t* const stream = opj_stream_default_create(OPJ_FALSE);
  std::vector<std::byte> out;
  opj_stream_set_user_data(stream, &out, nullptr);
  opj_stream_set_write_function(stream, append);
  const bool written = opj_setup_encoder(codec, &parameters, image.get()) &&
                       opj_start_compress(codec, image.get(), stream) && opj_encode(codec, stream) &&
                       opj_end_compress(codec, stream);
  opj_stream_destroy(stream);
  opj_destroy_codec(codec);
  require(written, "JPEG 2000 not written");
  return out;
}

std::vector<std::vector<std::byte>> compressed_ct_series(const std::string& transfer_syntax) {
  std::vector<std::vector<std::byte>> files;
  for (DicomDataset& slice : ct_slices(3)) {
    const std::vector<std::uint16_t>& pixels = slice[tag::pixel_data].words;
    if (transfer_syntax == jpeg_ls_lossless)
      files.push_back(dicom_bytes(slice, transfer_syntax, {jpeg_ls_stream(pixels, 4, 3, 12)}));
    else if (transfer_syntax == jpeg2000_lossless)
      files.push_back(dicom_bytes(slice, transfer_syntax, {jpeg2000_stream(pixels, 4, 3, 12)}));
    else
      files.push_back(compressed_by_dcmtk(dicom_bytes(slice), transfer_syntax));
  }
  return files;
}

}  // namespace voxd::test
