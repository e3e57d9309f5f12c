#pragma once

#include <sys/mman.h>

#include <cstring>
#include <functional>
#include <memory>

#include "gpu_transforms/simt.h"
#include "tests/support/backends.h"
#include "tests/support/catch.h"
#include "tests/support/random_volume.h"

// Volumes of more than 2^31 voxels, of which the pages alone that a few last rows touch exist: the kernels run these
// rows only, so every offset that they form lies where 32 bits would have wrapped around. The same rows of a small
// volume, the large one's far corner, say what must come out.
namespace voxd::test {

inline constexpr Int3 kSize = {1700, 1300, 1000};
inline constexpr Int3 kLong = {300000, 8, 1000};   // few rows in a plane
inline constexpr Int3 kCorner = {4, 8, kSize[2]};  // of the last rows
inline constexpr std::int64_t kBeyond = std::int64_t{1} << 31;

inline void* map_pages(std::size_t bytes, void*) {
  void* pages = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) return nullptr;
  madvise(pages, bytes, MADV_NOHUGEPAGE);
  return pages;
}

inline void unmap_pages(void* pages, std::size_t bytes, void*) { munmap(pages, bytes); }

/// A job whose verbs run their last `rows` rows only.
class LastRowsJob {
 public:
  explicit LastRowsJob(std::int64_t rows)
      : stream_(make_simt_stream({.lanes = 2, .last_rows = rows})),
        pool_({.allocate = map_pages, .release = unmap_pages}, {}),
        workspace_(*stream_, pool_) {}

  Workspace& workspace() { return workspace_; }
  void finish() { stream_->synchronize(); }

 private:
  std::unique_ptr<Stream> stream_;
  MemoryPool pool_;
  Workspace workspace_;
};

inline std::int64_t row_of(const Int3& size, int channel, int x, int y) {
  return (std::int64_t{channel} * size[0] + x) * size[1] + y;
}

/// A large volume of zeros with the small one in its far corner.
inline DeviceVolume around(const HostVolume& corner, const Int3& size, Workspace& workspace) {
  DeviceVolume large(corner.dtype, corner.channels, {size, identity_affine()}, workspace);
  REQUIRE(large.count() > kBeyond);
  const Int3& small = corner.geometry.size;
  const std::size_t row_bytes = static_cast<std::size_t>(small[2]) * size_of(corner.dtype);
  for (int c = 0; c < corner.channels; ++c)
    for (int x = 0; x < small[0]; ++x)
      for (int y = 0; y < small[1]; ++y) {
        const std::int64_t to = row_of(size, c, size[0] - small[0] + x, size[1] - small[1] + y);
        std::memcpy(large.memory().get() +
                        (to * size[2] + size[2] - small[2]) * static_cast<std::int64_t>(size_of(corner.dtype)),
                    corner.voxels.data() + static_cast<std::size_t>(row_of(small, c, x, y)) * row_bytes, row_bytes);
      }
  return large;
}

/// The last `rows` rows of both, of the last channel, hold the same bytes.
inline bool same_last_rows(const DeviceVolume& large, const DeviceVolume& small, int rows) {
  REQUIRE(large.size()[2] == small.size()[2]);
  REQUIRE(large.dtype() == small.dtype());
  const std::size_t bytes = static_cast<std::size_t>(rows) * large.size()[2] * size_of(large.dtype());
  return std::memcmp(large.memory().get() + large.bytes() - bytes, small.memory().get() + small.bytes() - bytes,
                     bytes) == 0;
}

using Transform = std::function<DeviceVolume(const DeviceVolume&, Workspace&)>;

/// The transform gives the last rows of a large volume what it gives those of its corner.
inline void check_corner(const HostVolume& corner, const Int3& size, std::int64_t run_rows, int same_rows,
                         const Transform& transform) {
  LastRowsJob large(run_rows), small(0);
  const DeviceVolume result = transform(around(corner, size, large.workspace()), large.workspace());
  const DeviceVolume expected =
      transform(upload(corner, small.workspace()).with_affine(identity_affine()), small.workspace());
  large.finish();
  small.finish();
  CHECK(same_last_rows(result, expected, same_rows));
}

inline HostVolume corner_of(DType dtype, std::int32_t channels) {
  return Random().intensities(dtype, channels, kCorner, false);
}

}  // namespace voxd::test
