#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "gpu_transforms/volume/error.h"

namespace voxd {

/// The type of one voxel in memory, native byte order. f16 and bf16 exist on the wire only; they become f32 on arrival.
enum class DType : std::uint8_t { u8, i8, u16, i16, u32, i32, u64, i64, f32, f64 };

constexpr std::size_t size_of(DType type) {
  switch (type) {
    case DType::u8:
    case DType::i8: return 1;
    case DType::u16:
    case DType::i16: return 2;
    case DType::u32:
    case DType::i32:
    case DType::f32: return 4;
    case DType::u64:
    case DType::i64:
    case DType::f64: return 8;
  }
  return 0;
}

/// NumPy's name: "uint8", "float32" ...
constexpr std::string_view name_of(DType type) {
  switch (type) {
    case DType::u8: return "uint8";
    case DType::i8: return "int8";
    case DType::u16: return "uint16";
    case DType::i16: return "int16";
    case DType::u32: return "uint32";
    case DType::i32: return "int32";
    case DType::u64: return "uint64";
    case DType::i64: return "int64";
    case DType::f32: return "float32";
    case DType::f64: return "float64";
  }
  return "?";
}

template <class T>
struct dtype_of_;
template <>
struct dtype_of_<std::uint8_t> {
  static constexpr DType value = DType::u8;
};
template <>
struct dtype_of_<std::int8_t> {
  static constexpr DType value = DType::i8;
};
template <>
struct dtype_of_<std::uint16_t> {
  static constexpr DType value = DType::u16;
};
template <>
struct dtype_of_<std::int16_t> {
  static constexpr DType value = DType::i16;
};
template <>
struct dtype_of_<std::uint32_t> {
  static constexpr DType value = DType::u32;
};
template <>
struct dtype_of_<std::int32_t> {
  static constexpr DType value = DType::i32;
};
template <>
struct dtype_of_<std::uint64_t> {
  static constexpr DType value = DType::u64;
};
template <>
struct dtype_of_<std::int64_t> {
  static constexpr DType value = DType::i64;
};
template <>
struct dtype_of_<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct dtype_of_<double> {
  static constexpr DType value = DType::f64;
};
template <class T>
inline constexpr DType dtype_of = dtype_of_<T>::value;

/// Calls `f` with a value of the C++ type that `type` stands for: visit_dtype(t, [&](auto zero) { using T =
/// decltype(zero); ... }).
template <class F>
decltype(auto) visit_dtype(DType type, F&& f) {
  switch (type) {
    case DType::u8: return f(std::uint8_t{});
    case DType::i8: return f(std::int8_t{});
    case DType::u16: return f(std::uint16_t{});
    case DType::i16: return f(std::int16_t{});
    case DType::u32: return f(std::uint32_t{});
    case DType::i32: return f(std::int32_t{});
    case DType::u64: return f(std::uint64_t{});
    case DType::i64: return f(std::int64_t{});
    case DType::f32: return f(float{});
    case DType::f64: return f(double{});
  }
  fail(Code::internal, "dtype: unknown value ", static_cast<int>(type));
}

/// Label maps are of these types.
constexpr bool is_label_type(DType type) { return type == DType::u8 || type == DType::u16; }

}  // namespace voxd
