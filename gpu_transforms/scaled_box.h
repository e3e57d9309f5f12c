#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "gpu_transforms/box_rows.h"
#include "gpu_transforms/range_scaling.h"

namespace voxd {

/// The rows of a box of a volume of any dtype, scaled as they are read; beyond the image they hold a value. The dtype
/// is told apart once per row, so that a kernel need not exist once per dtype.
struct ScaledBox {
  const std::byte* in;
  DType dtype;
  std::int32_t in_x, in_y, in_z;
  BoxAxis x, y, z;
  RangeScaling scaling;
  float beyond;

  /// Row (x, y) of the box's channel, by the team's lanes; does not sync.
  template <class Team>
  VOXD_HD void read_row(const Team& team, std::int64_t channel, std::int32_t at_x, std::int32_t at_y,
                        float* out) const {
    const std::int32_t from_x = source_of(x, PadMode::constant, at_x), from_y = source_of(y, PadMode::constant, at_y);
    const float value = beyond;
    if (from_x < 0 || from_y < 0) {
      team.each(z.length, [=](std::int32_t i) { out[i] = value; });
      return;
    }
    const std::int64_t first = ((channel * in_x + from_x) * in_y + from_y) * in_z + z.first;
    float* inside = out + z.before;
    switch (dtype) {
      case DType::u8: read<std::uint8_t>(team, first, inside); break;
      case DType::i8: read<std::int8_t>(team, first, inside); break;
      case DType::u16: read<std::uint16_t>(team, first, inside); break;
      case DType::i16: read<std::int16_t>(team, first, inside); break;
      case DType::u32: read<std::uint32_t>(team, first, inside); break;
      case DType::i32: read<std::int32_t>(team, first, inside); break;
      case DType::u64: read<std::uint64_t>(team, first, inside); break;
      case DType::i64: read<std::int64_t>(team, first, inside); break;
      case DType::f32: read<float>(team, first, inside); break;
      case DType::f64: read<double>(team, first, inside); break;
    }
    float* after = inside + z.inside;
    team.each(z.before, [=](std::int32_t i) { out[i] = value; });
    team.each(z.after(), [=](std::int32_t i) { after[i] = value; });
  }

 private:
  template <class T, class Team>
  VOXD_HD void read(const Team& team, std::int64_t first, float* out) const {
    const T* row = reinterpret_cast<const T*>(in) + first;
    if (scaling.rescale) {
      const ScaleVoxel<true> scaled{scaling};
      team.each(z.inside, [=](std::int32_t i) { out[i] = scaled(row[i]); });
    } else {
      const ScaleVoxel<false> scaled{scaling};
      team.each(z.inside, [=](std::int32_t i) { out[i] = scaled(row[i]); });
    }
  }
};

}  // namespace voxd
