#include "models/steps/param_checks.h"

#include <cmath>

namespace voxd {

void require_float32(Params& params) {
  const std::string dtype = params.dtype("dtype");
  if (!dtype.empty() && dtype != "float32")
    params.refuse(Code::unimplemented, "dtype", "'" + dtype + "' is not supported, only float32");
}

std::optional<DType> optional_dtype(Params& params, std::string_view name) {
  const std::string text = params.dtype(name);
  if (text.empty()) return std::nullopt;
  for (const DType type : {DType::u8, DType::i8, DType::u16, DType::i16, DType::u32, DType::i32, DType::u64, DType::i64,
                           DType::f32, DType::f64})
    if (text == name_of(type)) return type;
  if (text == "double") return DType::f64;
  if (text == "long") return DType::i64;
  if (text == "short") return DType::i16;
  if (text == "float16" || text == "half" || text == "bfloat16")
    params.refuse(Code::unimplemented, name, "'" + text + "' is not supported: voxd computes in float32");
  if (text == "int")  // torch.int has 32 bits, NumPy's "int" 64
    params.refuse(Code::unimplemented, name, "'int' is not supported, only 'int32' or 'int64'");
  params.refuse(Code::unimplemented, name, "'" + text + "' is not supported");
}

void require_finite(const Params& params, std::string_view name, std::optional<double> value) {
  if (value && !std::isfinite(*value)) params.refuse(Code::invalid_argument, name, "must be a finite number");
}

std::vector<int> one_or_three(Params& params, std::string_view name, std::vector<int> fallback) {
  std::vector<int> values = params.integers(name, std::move(fallback));
  if (values.size() != 1 && values.size() != 3)
    params.refuse(Code::invalid_argument, name, "expected 1 or 3 numbers, got " + std::to_string(values.size()));
  return values;
}

Padding padding_of(Params& params) {
  Padding padding;
  try {
    padding.mode = pad_mode_of(params.text("mode", "constant"));
  } catch (const Error& error) {
    params.refuse(error.code(), "mode", error.what());
  }
  if (padding.mode != PadMode::constant && params.has("value"))
    params.refuse(Code::invalid_argument, "value", "is for the mode 'constant' only");
  padding.value = params.number("value", 0);
  return padding;
}

}  // namespace voxd
