#include "server/encode/dicom_file_writer.h"

#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dcostrmb.h>

#include <cmath>

#include "gpu_transforms/volume/error.h"

namespace voxd {

std::unique_ptr<DcmFileFormat> parse_dicom(std::span<const std::byte> header) {
  auto file = std::make_unique<DcmFileFormat>();
  DcmInputBufferStream stream;
  stream.setBuffer(header.data(), static_cast<offile_off_t>(header.size()));
  stream.setEos();
  file->getDataset()->transferInit();
  const OFCondition result = file->getDataset()->read(stream, EXS_LittleEndianExplicit);
  file->getDataset()->transferEnd();
  if (result.bad()) fail(Code::internal, "dicom: the header that was kept cannot be read again");
  return file;
}

std::vector<std::byte> write_dicom(DcmFileFormat& file, E_TransferSyntax syntax) {
  if (file.validateMetaInfo(syntax).bad()) fail(Code::internal, "dicom: the object has no identity");
  constexpr std::size_t meta_bytes = 4096;
  std::vector<std::byte> bytes(meta_bytes + file.getDataset()->calcElementLength(syntax, EET_ExplicitLength));
  DcmOutputBufferStream stream(bytes.data(), static_cast<offile_off_t>(bytes.size()));
  file.transferInit();
  const OFCondition result = file.write(stream, syntax, EET_ExplicitLength, nullptr);
  file.transferEnd();
  if (result.bad()) fail(Code::internal, "dicom: the object cannot be written");
  void* begin = nullptr;
  offile_off_t length = 0;
  stream.flushBuffer(begin, length);
  bytes.resize(static_cast<std::size_t>(length));
  return bytes;
}

double slice_distance_mm(const Geometry& geometry) {
  const Affine& a = geometry.affine;
  const Vec3 normal{a[1][0] * a[2][1] - a[2][0] * a[1][1], a[2][0] * a[0][1] - a[0][0] * a[2][1],
                    a[0][0] * a[1][1] - a[1][0] * a[0][1]};
  return voxel_volume_mm3(a) / std::hypot(normal[0], normal[1], normal[2]);
}

}  // namespace voxd
