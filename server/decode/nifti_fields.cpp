#include "server/decode/nifti_fields.h"

#include <algorithm>
#include <string_view>

#include "gpu_transforms/volume/error.h"
#include "server/decode/byte_cursor.h"

namespace voxd {
namespace {

struct Layout {
  int version;
  bool swapped;
};

/// Version and byte order, from the header's own size; version 0 if this is no NIfTI header.
Layout layout_of(std::span<const std::byte> bytes) {
  for (bool swapped : {false, true}) {
    const auto size = ByteCursor(bytes, swapped, "nifti header").read<std::int32_t>();
    if (size == nifti1_header_bytes) return {1, swapped};
    if (size == nifti2_header_bytes) return {2, swapped};
  }
  return {0, false};
}

template <class Stored, class Values>
void read_all(ByteCursor& cursor, Values& values) {
  for (auto& value : values) value = cursor.read<Stored>();
}

NiftiFields read_version_1(std::span<const std::byte> bytes, bool swapped) {
  NiftiFields fields{};
  fields.version = 1;
  fields.swapped = swapped;
  ByteCursor cursor(bytes.first(std::min(bytes.size(), nifti1_header_bytes)), swapped, "nifti header");
  cursor.seek(nifti1_header_bytes);  // a header cut short is told as such, not by its first missing field
  cursor.seek(40);
  read_all<std::int16_t>(cursor, fields.dim);
  cursor.seek(70);
  fields.datatype = cursor.read<std::int16_t>();
  fields.bitpix = cursor.read<std::int16_t>();
  cursor.seek(76);
  read_all<float>(cursor, fields.pixdim);
  fields.vox_offset = cursor.read<float>();
  fields.scl_slope = cursor.read<float>();
  fields.scl_inter = cursor.read<float>();
  cursor.seek(252);
  fields.qform_code = cursor.read<std::int16_t>();
  fields.sform_code = cursor.read<std::int16_t>();
  read_all<float>(cursor, fields.quatern);
  read_all<float>(cursor, fields.qoffset);
  for (auto& row : fields.srow) read_all<float>(cursor, row);
  return fields;
}

NiftiFields read_version_2(std::span<const std::byte> bytes, bool swapped) {
  NiftiFields fields{};
  fields.version = 2;
  fields.swapped = swapped;
  ByteCursor cursor(bytes.first(std::min(bytes.size(), nifti2_header_bytes)), swapped, "nifti header");
  cursor.seek(nifti2_header_bytes);
  cursor.seek(12);
  fields.datatype = cursor.read<std::int16_t>();
  fields.bitpix = cursor.read<std::int16_t>();
  read_all<std::int64_t>(cursor, fields.dim);
  cursor.seek(104);
  read_all<double>(cursor, fields.pixdim);
  fields.vox_offset = static_cast<double>(cursor.read<std::int64_t>());
  fields.scl_slope = cursor.read<double>();
  fields.scl_inter = cursor.read<double>();
  cursor.seek(344);
  fields.qform_code = cursor.read<std::int32_t>();
  fields.sform_code = cursor.read<std::int32_t>();
  read_all<double>(cursor, fields.quatern);
  read_all<double>(cursor, fields.qoffset);
  for (auto& row : fields.srow) read_all<double>(cursor, row);
  return fields;
}

void check_magic(std::span<const std::byte> bytes, int version) {
  const std::size_t offset = version == 1 ? 344 : 4;
  const std::string_view expected =
      version == 1 ? std::string_view("n+1\0", 4) : std::string_view("n+2\0\r\n\x1a\n", 8);
  const std::string_view magic(reinterpret_cast<const char*>(bytes.data()) + offset, expected.size());
  if (magic.starts_with("ni1") || magic.starts_with("ni2"))
    fail(Code::invalid_argument,
         "nifti magic: the voxels are in a separate .img file, only single-file .nii is supported");
  if (magic != expected)
    fail(Code::invalid_argument, "nifti magic: the header is ", version == 1 ? 348 : 540,
         " bytes long but does not say 'n+", version, "'");
}

}  // namespace

int nifti_version(std::span<const std::byte> bytes) {
  return bytes.size() < sizeof(std::int32_t) ? 0 : layout_of(bytes).version;
}

NiftiFields read_nifti_fields(std::span<const std::byte> bytes) {
  const Layout layout = layout_of(bytes);
  if (layout.version == 0)
    fail(Code::invalid_argument, "nifti sizeof_hdr: neither 348 (NIfTI-1) nor 540 (NIfTI-2), this is not a NIfTI file");
  NiftiFields fields =
      layout.version == 1 ? read_version_1(bytes, layout.swapped) : read_version_2(bytes, layout.swapped);
  check_magic(bytes, layout.version);
  return fields;
}

}  // namespace voxd
