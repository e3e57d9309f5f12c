#pragma once

#include "server/infer_parameters.h"
#include "server/infer_parser.h"
#include "server/tensor_job.h"

namespace voxd {

/// Checks a parsed ModelInfer request against the model and says what is to be run. Codes and the beginnings of the
/// texts are Triton's, because clients match on them. An image input takes every numeric datatype, whatever is
/// declared, and one leading axis of 1 more than is declared. `find` finds the shared memory that tensors name. Throws
/// Error.
TensorRequest tensor_request(ParsedInfer parsed, std::shared_ptr<const Model> model, const Affine& affine,
                             const FindRegion& find);

}  // namespace voxd
