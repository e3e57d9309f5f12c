#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gpu_transforms/volume/dtype.h"

namespace voxd {

/// The numeric element types of the KServe protocol.
enum class WireType : std::uint8_t { u8, i8, u16, i16, u32, i32, u64, i64, f16, bf16, f32, f64 };

std::size_t size_of(WireType type);
/// KServe's name: "UINT8" ... "FP16", "BF16", "FP32", "FP64".
std::string_view name_of(WireType type);
/// Empty for BOOL, BYTES and what is no type at all.
std::optional<WireType> wire_type_of(std::string_view name);
/// The type of an image in memory that holds the wire type's values exactly: float32 for the two 16-bit floats, else
/// the same.
DType dtype_for(WireType type);
/// The wire name of a type in memory.
std::string_view wire_name_of(DType type);

/// IEEE 754 binary16 and bfloat16 bit patterns to the float32 of the same value; exact, NaN payloads are kept.
float float_from_f16(std::uint16_t bits);
float float_from_bf16(std::uint16_t bits);

}  // namespace voxd
