#include "server/wire_type.h"

#include <array>
#include <bit>

#include "gpu_transforms/volume/error.h"

namespace voxd {
namespace {

struct Row {
  WireType type;
  std::string_view name;
  std::size_t size;
  DType dtype;
};

// In the order of WireType.
constexpr std::array<Row, 12> kRows{{
    {WireType::u8, "UINT8", 1, DType::u8},
    {WireType::i8, "INT8", 1, DType::i8},
    {WireType::u16, "UINT16", 2, DType::u16},
    {WireType::i16, "INT16", 2, DType::i16},
    {WireType::u32, "UINT32", 4, DType::u32},
    {WireType::i32, "INT32", 4, DType::i32},
    {WireType::u64, "UINT64", 8, DType::u64},
    {WireType::i64, "INT64", 8, DType::i64},
    {WireType::f16, "FP16", 2, DType::f32},
    {WireType::bf16, "BF16", 2, DType::f32},
    {WireType::f32, "FP32", 4, DType::f32},
    {WireType::f64, "FP64", 8, DType::f64},
}};

const Row& row_of(WireType type) { return kRows[static_cast<std::size_t>(type)]; }

}  // namespace

std::size_t size_of(WireType type) { return row_of(type).size; }
std::string_view name_of(WireType type) { return row_of(type).name; }
DType dtype_for(WireType type) { return row_of(type).dtype; }

std::optional<WireType> wire_type_of(std::string_view name) {
  for (const Row& row : kRows)
    if (row.name == name) return row.type;
  return std::nullopt;
}

std::string_view wire_name_of(DType type) {
  for (const Row& row : kRows)
    if (row.dtype == type && row.type != WireType::f16 && row.type != WireType::bf16) return row.name;
  fail(Code::internal, "dtype: ", name_of(type), " has no wire name");
}

float float_from_f16(std::uint16_t bits) {
  const std::uint32_t sign = std::uint32_t{bits & 0x8000u} << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1fu;
  const std::uint32_t fraction = bits & 0x3ffu;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
  }
  const std::uint32_t wide_exponent = exponent == 0x1f ? 0xffu : exponent + (127 - 15);
  return std::bit_cast<float>(sign | (wide_exponent << 23) | (fraction << 13));
}

float float_from_bf16(std::uint16_t bits) { return std::bit_cast<float>(std::uint32_t{bits} << 16); }

}  // namespace voxd
