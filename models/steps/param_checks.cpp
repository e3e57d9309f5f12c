#include "models/steps/param_checks.h"

#include <cmath>

namespace voxd {

void require_float32(Params& params) {
  const std::string dtype = params.dtype("dtype");
  if (!dtype.empty() && dtype != "float32")
    params.refuse(Code::unimplemented, "dtype", "'" + dtype + "' is not supported, only float32");
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
