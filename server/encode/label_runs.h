#pragma once

#include <cstdint>
#include <cstring>
#include <limits>

#include "gpu_transforms/volume/host_volume.h"

namespace voxd {

/// The end of the run of equal labels that starts at row[from], eight bytes at a time.
template <class T>
std::int32_t run_end(const T* row, std::int32_t from, std::int32_t size) {
  constexpr std::int32_t per_word = sizeof(std::uint64_t) / sizeof(T);
  const T label = row[from];
  const std::uint64_t pattern = label * (~std::uint64_t{0} / std::numeric_limits<T>::max());
  std::int32_t z = from + 1;
  for (std::uint64_t word; z + per_word <= size; z += per_word) {
    std::memcpy(&word, row + z, sizeof word);
    if (word != pattern) break;
  }
  while (z < size && row[z] == label) ++z;
  return z;
}

/// Calls f(label, x, y, z0, z1) for every longest run of voxels (x, y, z0..z1-1) with one label above 0, in memory
/// order. The label map is u8 or u16, one channel, else Error{invalid_argument}.
template <class F>
void for_each_label_run(const HostVolume& label_map, F f) {
  const auto scan = [&]<class T>(T) {
    const auto [size_x, size_y, size_z] = label_map.geometry.size;
    const T* row = label_map.as<T>().data();
    for (std::int32_t x = 0; x < size_x; ++x)
      for (std::int32_t y = 0; y < size_y; ++y, row += size_z)
        for (std::int32_t z = 0; z < size_z;) {
          const std::int32_t end = run_end(row, z, size_z);
          if (row[z] != 0) f(std::uint32_t{row[z]}, x, y, z, end);
          z = end;
        }
  };
  if (label_map.channels == 1 && label_map.dtype == DType::u8)
    scan(std::uint8_t{});
  else if (label_map.channels == 1 && label_map.dtype == DType::u16)
    scan(std::uint16_t{});
  else
    fail(Code::invalid_argument, "label map: ", label_map.channels, " channels of ", name_of(label_map.dtype),
         ", one of uint8 or uint16 expected");
}

}  // namespace voxd
