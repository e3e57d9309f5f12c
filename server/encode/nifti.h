#pragma once

#include <cstddef>
#include <functional>
#include <vector>

#include "gpu_transforms/volume/host_volume.h"

namespace voxd {

/// Writes a label map (u8 or u16, one channel), or probabilities (f32, their channels along the fourth axis), as a
/// single-file NIfTI-1, little endian, in millimetres. The sform holds
/// the affine, each number rounded to float32, so that an affine read from a NIfTI-1 sform comes back exactly; where
/// the affine has no shear a qform says the same. Throws Error{invalid_argument} for another type, more channels of
/// labels, an axis above 32767, or an affine that float32 cannot hold.
std::vector<std::byte> encode_nifti(const HostVolume& volume);

/// The same file, compressed: .nii.gz. Deterministic as gzip_fast is, and ended by `check` as that is.
std::vector<std::byte> encode_nifti_gz(const HostVolume& volume, const std::function<void()>& check = {});

}  // namespace voxd
