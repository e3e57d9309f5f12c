#include "models/steps/param_checks.h"
#include "models/steps/step_params.h"

namespace voxd {

template <>
CastToTypeParams read_params(Params& params) {
  return {optional_dtype(params, "dtype").value_or(DType::f32)};
}

template <>
EnsureTypeParams read_params(Params& params) {
  const EnsureTypeParams result{optional_dtype(params, "dtype")};
  if (const std::string type = params.text("data_type", "tensor"); type != "tensor")
    params.refuse(Code::unimplemented, "data_type", "'" + type + "' is not supported, only 'tensor'");
  params.ignore({"device", "wrap_sequence", "track_meta"});
  return result;
}

}  // namespace voxd
