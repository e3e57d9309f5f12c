#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "gpu_transforms/volume/host_volume.h"

namespace voxd {

struct ArchiveLimits {
  std::size_t max_files = 4096;
  std::int64_t max_bytes = std::int64_t{640} << 20;  ///< of all files together, unpacked
};

/// Whether a file begins like a .zip or .tar.
bool is_archive(std::span<const std::byte> start);

/// Unpacks the regular files of a .zip or .tar that lies in memory into memory from `allocate`, in the archive's order.
/// Their names are used for nothing but to leave out hidden files and __MACOSX; links, folders and empty files are left
/// out as well. Sizes are counted as bytes come out, whatever the archive says of them. Throws Error{invalid_argument}
/// if the archive is damaged, encrypted or beyond the limits. Safe from any thread if `allocate` is.
std::vector<HostBuffer> unpack_archive(std::span<const std::byte> archive, const ArchiveLimits& limits,
                                       const HostAllocator& allocate);

}  // namespace voxd
