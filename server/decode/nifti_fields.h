#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace voxd {

/// The fields of a NIfTI header that decide what an image is, as the file has them: nothing is checked yet. NIfTI-1's
/// narrower types are widened.
struct NiftiFields {
  int version;   ///< 1 or 2
  bool swapped;  ///< the file's byte order is not this machine's
  std::array<std::int64_t, 8> dim;
  int datatype;
  int bitpix;
  std::array<double, 8> pixdim;
  double vox_offset;
  double scl_slope, scl_inter;
  int qform_code, sform_code;
  std::array<double, 3> quatern, qoffset;  ///< b, c, d; x, y, z
  std::array<std::array<double, 4>, 3> srow;
};

inline constexpr std::size_t nifti1_header_bytes = 348;
inline constexpr std::size_t nifti2_header_bytes = 540;

/// The version whose header these bytes start as, in either byte order: 1, 2, or 0 if they do not.
int nifti_version(std::span<const std::byte> bytes);

/// Reads the header at the start of `bytes`. Throws Error{invalid_argument} if it is none of a single-file NIfTI, or is
/// cut short.
NiftiFields read_nifti_fields(std::span<const std::byte> bytes);

}  // namespace voxd
