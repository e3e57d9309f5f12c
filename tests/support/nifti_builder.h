#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "gpu_transforms/volume/dtype.h"
#include "gpu_transforms/volume/geometry.h"

namespace voxd::test {

/// Every field of a NIfTI header that a reader looks at, and the voxels. What is nonsense here is written as such.
struct NiftiSpec {
  int version = 1;  ///< 1 or 2
  bool big_endian = false;
  std::array<std::int64_t, 8> dim{3, 4, 3, 2, 1, 1, 1, 1};
  std::array<double, 8> pixdim{1, 1, 1, 1, 1, 1, 1, 1};  ///< [0] is qfac
  DType stored = DType::i16;
  std::optional<int> datatype;       ///< empty: the code of `stored`
  std::optional<int> bitpix;         ///< empty: that of `stored`
  std::optional<double> vox_offset;  ///< empty: right after the header and its four extension bytes
  double scl_slope = 0;
  double scl_inter = 0;
  int qform_code = 0;
  int sform_code = 1;
  std::array<double, 3> quatern{};  ///< b, c, d
  std::array<double, 3> qoffset{};
  Affine srow = identity_affine();
  std::array<char, 8> magic{};   ///< all zero: the one of the version
  std::vector<double> values;    ///< in file order, x fastest
  std::vector<std::byte> after;  ///< bytes that follow the voxels

  /// Sets dim[0..3] and gives every voxel the value 0, 1, 2, ... in file order.
  NiftiSpec& ramp(std::int64_t x, std::int64_t y, std::int64_t z);
};

/// The ramp of 4x3x2 int16 voxels that most tests start from.
NiftiSpec small_nifti();

/// The code of a type in the header's `datatype`.
int nifti_datatype(DType type);

/// The bytes of the .nii file.
std::vector<std::byte> nifti_bytes(const NiftiSpec& spec);

/// A .gz file of `members` members that hold about the same number of bytes each (zlib, so that our own codec is not
/// tested against itself).
std::vector<std::byte> gzip_bytes(std::span<const std::byte> bytes, int members = 1);

/// What a .gz file of any number of members holds.
std::vector<std::byte> gunzip_bytes(std::span<const std::byte> file);

}  // namespace voxd::test
