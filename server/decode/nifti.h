#pragma once

#include <cstddef>
#include <span>

#include "gpu_transforms/volume/host_volume.h"
#include "server/decode/limits.h"
#include "server/decode/nifti_header.h"

namespace voxd {

/// How much of a .nii or .nii.gz file is enough for read_nifti_header, unless its gzip header is unusually long.
inline constexpr std::size_t nifti_header_prefix_bytes = 4096;

/// Reads the header of a .nii or .nii.gz file from the file's first bytes, for admission before the rest is here.
/// Throws as parse_nifti_header does, and Error{invalid_argument} if the gzip stream is corrupt or `start` ends before
/// the header does.
NiftiHeader read_nifti_header(std::span<const std::byte> start, const DecodeLimits& limits);

/// Decodes a whole .nii or .nii.gz file (NIfTI-1 or -2, either byte order, any number of gzip members) to one channel
/// in X,Y,Z order, Z contiguous, of the header's `decoded` type. The voxels are written once, into memory from
/// `allocate`, which is called once and only after the header has been checked against the limits and the file's
/// length. A compressed file is inflated in slabs of at most about 16 MiB, or one plane. Throws Error{invalid_argument}
/// if the file is not such a file, is cut short or corrupt at any byte, or is beyond the limits. Bytes after the last
/// voxel are ignored, up to 1 MiB of them in a compressed file.
HostVolume decode_nifti(std::span<const std::byte> file, const HostAllocator& allocate, const DecodeLimits& limits);

}  // namespace voxd
