#pragma once

#include <string>

#include "grpc_service.pb.h"
#include "server/tensor_job.h"

namespace voxd {

/// Whose answer it is.
struct InferResponseHead {
  std::string model, version;
  std::string id;  ///< as the request gave it
};

/// All of a response but the tensors' bytes. Its parameters say what a tensor does not: `stage_ms`, a JSON object of
/// milliseconds by stage; `affine`, 16 numbers, row by row, of the first output's grid (an output on another grid has
/// its own); and where the chain cropped, `crop_box`, the first voxel kept on each axis and the one after the last.
/// Texts are JSON.
inference::ModelInferResponse infer_response(const TensorResult& result, const InferResponseHead& head);

}  // namespace voxd
