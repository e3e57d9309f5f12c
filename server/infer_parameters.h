#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "gpu_transforms/job_context.h"
#include "gpu_transforms/volume/geometry.h"
#include "grpc_service.pb.h"
#include "server/shared_region.h"

// The parameters of ModelInfer requests and of their tensors.
namespace voxd {

using InferParameters = google::protobuf::Map<std::string, inference::InferParameter>;

/// What a request's parameters say; what it may carry beside these is the caller's own and ignored.
struct InferOptions {
  std::optional<Clock::time_point> deadline;  ///< `timeout`: microseconds from now
  int priority = 0;                           ///< Job's; of `priority`, where 1 is the highest and 0 says nothing
  Affine affine = identity_affine();          ///< `affine`, or that of `spacing`
};

/// Throws Error{invalid_argument} for a bad parameter, Error{unimplemented} for one that is not served.
InferOptions infer_options(const InferParameters& parameters);

/// The region that a caller has registered under a name. Throws.
using FindRegion = std::function<std::shared_ptr<const SharedRegion>(const std::string& name)>;

/// The memory that the parameters of a tensor name; empty when they name none. `tensor` stands in messages: "input
/// 'X'". Throws Error{invalid_argument} for a parameter that is not known or wrong, and what `find` throws.
std::optional<SharedBytes> shared_bytes_of(const InferParameters& parameters, const std::string& tensor,
                                           const FindRegion& find);

}  // namespace voxd
