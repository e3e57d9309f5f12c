#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "gpu_transforms/volume/dtype.h"
#include "gpu_transforms/volume/geometry.h"
#include "server/decode/limits.h"

namespace voxd {

/// What a NIfTI header says, checked: every size below fits its type and the limits it was read with.
struct NiftiHeader {
  int version = 1;             ///< 1 or 2
  bool swapped = false;        ///< the file's byte order is not this machine's
  DType stored = DType::i16;   ///< type of a voxel in the file
  DType decoded = DType::i16;  ///< u8, i8, u16, i16, f32 as stored when there is no scaling; f32 otherwise
  bool scaled = false;         ///< value = slope * stored + inter, in double
  double slope = 1;
  double inter = 0;
  std::int64_t vox_offset = 352;  ///< bytes of the (inflated) file before the first voxel
  Geometry geometry;              ///< a file of two dimensions has Z = 1

  std::int64_t stored_bytes() const { return geometry.voxels() * static_cast<std::int64_t>(size_of(stored)); }
  std::int64_t decoded_bytes() const { return geometry.voxels() * static_cast<std::int64_t>(size_of(decoded)); }
};

/// Reads the header at the start of an uncompressed file; `bytes` may end anywhere after it.
/// The affine is nibabel's: sform where its code is 1..5, else qform likewise, else pixdim with the image's centre as
/// origin and x flipped. Units are taken as millimetres, whatever xyzt_units says. pixdim counts by its absolute value.
/// A slope of 0, NaN or infinity means no scaling. Throws Error{invalid_argument} naming the field, its value and what
/// is allowed: more than three dimensions, types that are not one real number, sizes beyond the limits, an offset
/// inside the header, a pixdim of 0, an intercept that is not finite, an affine that cannot be inverted.
NiftiHeader parse_nifti_header(std::span<const std::byte> bytes, const DecodeLimits& limits);

}  // namespace voxd
