#include <algorithm>

#include "gpu_transforms/linear_axes.h"
#include "gpu_transforms/prepared_resampling.h"
#include "gpu_transforms/scratch.h"
#include "gpu_transforms/volume/checked.h"

namespace voxd {
namespace {

constexpr const char* kWhat = "scratch memory";
constexpr std::int64_t kFew = 1024;  // single values: a threshold, a flag, a sum

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return a / b + (a % b != 0); }

/// The largest of f(rows, nz) with each axis as Z.
template <class F>
std::int64_t largest_by_row_axis(const Int3& size, F f) {
  std::int64_t largest = 0;
  for (std::size_t z = 0; z < 3; ++z)
    largest =
        std::max(largest, f(checked_product({size[(z + 1) % 3], size[(z + 2) % 3]}, kWhat), std::int64_t{size[z]}));
  return largest;
}

std::int64_t bit_row_bytes(std::int64_t rows, std::int64_t nz) {
  return checked_product({rows, ceil_div(nz, 64), 8}, kWhat);
}

/// Every other voxel of a row may begin a run.
std::int64_t component_bytes(std::int64_t rows, std::int64_t nz) {
  constexpr std::int64_t run = 12, row_begin = 8;
  return checked_sum(checked_product({rows, ceil_div(nz, 2), run}, kWhat),
                     checked_product({rows + 1, row_begin}, kWhat), kWhat);
}

constexpr std::int64_t kLabelCounters = 65537 * 8;

}  // namespace

std::int64_t keep_largest_connected_component_scratch_bytes(const Int3& size) {
  constexpr std::int64_t runs_per_partial_maximum = 4096;
  return largest_by_row_axis(size, [](std::int64_t rows, std::int64_t nz) {
    const std::int64_t partial_maxima =
        8 * ceil_div(checked_product({rows, ceil_div(nz, 2)}, kWhat), runs_per_partial_maximum);
    const std::int64_t components = checked_sum(component_bytes(rows, nz), partial_maxima, kWhat);
    return checked_sum(2 * bit_row_bytes(rows, nz), std::max(components, kLabelCounters) + kFew, kWhat);
  });
}

std::int64_t fill_holes_scratch_bytes(std::int32_t channels, const Int3& size) {
  constexpr std::int64_t voxels_per_sum = 4096;
  return largest_by_row_axis(size, [&](std::int64_t rows, std::int64_t nz) {
    const std::int64_t sums = 8 * (ceil_div(checked_product({rows, nz}, kWhat), voxels_per_sum) + channels);
    return checked_sum(bit_row_bytes(rows, nz), std::max({component_bytes(rows, nz), kLabelCounters, sums}) + kFew,
                       kWhat);
  });
}

std::int64_t remove_small_objects_scratch_bytes(std::int32_t channels, const Int3& size) {
  constexpr std::int64_t voxels_per_extreme = 4096;
  return largest_by_row_axis(size, [&](std::int64_t per_channel, std::int64_t nz) {
    const std::int64_t rows = checked_product({per_channel, channels}, kWhat);
    const std::int64_t components = checked_sum(bit_row_bytes(rows, nz), component_bytes(rows, nz), kWhat);
    const std::int64_t extremes = 8 * ceil_div(checked_product({rows, nz}, kWhat), voxels_per_extreme);
    return std::max({components, kLabelCounters, extremes}) + kFew;
  });
}

std::int64_t scale_intensity_scratch_bytes(std::int32_t channels, const Int3& size) {
  constexpr std::int64_t voxels_per_extreme = 4096;
  return 8 * ceil_div(checked_product({channels, size[0], size[1], size[2]}, kWhat), voxels_per_extreme) + kFew;
}

std::int64_t label_to_contour_scratch_bytes(std::int32_t channels, const Int3& size) {
  return largest_by_row_axis(size, [&](std::int64_t rows, std::int64_t nz) {
    return checked_sum(bit_row_bytes(checked_product({rows, channels}, kWhat), nz), kFew, kWhat);
  });
}

std::int64_t foreground_box_scratch_bytes(std::int32_t channels, const Int3& size) {
  constexpr std::int64_t extent = 8, box = 3 * extent;
  const std::int64_t planes = checked_product({channels, *std::max_element(size.begin(), size.end())}, kWhat);
  const std::int64_t rows = largest_by_row_axis(size, [](std::int64_t count, std::int64_t) { return count; });
  const std::int64_t extents = checked_product({channels, rows, extent}, kWhat);
  return checked_sum(extents, checked_product({planes + channels, box}, kWhat), kWhat);
}

std::int64_t gaussian_kernels_bytes(const Int3& size) {
  // From one less than the axis has voxels before to as many after, or three at least.
  std::int64_t weights = 0;
  for (const std::int32_t n : size) weights += std::max<std::int64_t>(2 * std::int64_t{n} - 1, 3);
  return 4 * weights;
}

std::int64_t percentiles_scratch_bytes(std::int32_t sets) {
  constexpr std::int64_t ranks = 4, bins = 2048, counter = 8;
  return checked_product({sets, ranks * bins * counter + kFew}, kWhat);
}

std::int64_t normalize_intensity_scratch_bytes(std::int32_t channels, const Int3& size) {
  constexpr std::int64_t values_per_sum = 4096;
  return 8 * ceil_div(checked_product({channels, size[0], size[1], size[2]}, kWhat), values_per_sum) + kFew;
}

std::int64_t resample_scratch_bytes(DType dtype, std::int32_t channels, const Geometry& from, const Geometry& to) {
  const Int3 &in = from.size, &out = to.size;
  const std::int64_t values = checked_product({channels, in[0], in[1], in[2]}, kWhat);
  std::int64_t copies = 0;
  if (turns_axes(from, to)) copies = checked_product({values, static_cast<std::int64_t>(size_of(dtype))}, kWhat);
  if (dtype != DType::u8 && dtype != DType::i16 && dtype != DType::f32)
    copies = checked_sum(copies, checked_product({values, 4}, kWhat), kWhat);
  const std::int64_t most_y = *std::max_element(in.begin(), in.end());  // whichever axis becomes Y
  const std::int64_t plane = checked_product({channels, most_y, out[2], 8}, kWhat);
  const std::int64_t slab = std::min(checked_product({plane, std::max<std::int64_t>(2, most_y)}, kWhat),
                                     std::max(kRingBytes, checked_product({plane, 2}, kWhat)));
  const std::int64_t tables = std::int64_t{kTapBytes} * (std::int64_t{out[0]} + out[1] + out[2]);
  return checked_sum(checked_sum(copies, slab, kWhat), tables + kFew, kWhat);
}

}  // namespace voxd
