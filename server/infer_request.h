#pragma once

#include "server/infer_parser.h"
#include "server/tensor_job.h"

namespace voxd {

/// Checks a parsed ModelInfer request against the model and says what is to be run. Codes and the beginnings of the
/// texts are Triton's, because clients match on them. An image input takes every numeric datatype, whatever is
/// declared. Throws Error.
TensorRequest tensor_request(ParsedInfer parsed, std::shared_ptr<const Model> model);

/// The request's `timeout` parameter, in microseconds from now. Empty when there is none. Throws
/// Error{invalid_argument} for a bad parameter, Error{unimplemented} for one that is not served.
std::optional<Clock::time_point> check_parameters(const inference::ModelInferRequest& request);

}  // namespace voxd
