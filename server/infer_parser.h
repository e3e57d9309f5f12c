#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "grpc_service.pb.h"
#include "server/scattered_bytes.h"

namespace voxd {

/// A ModelInferRequest whose tensors stay where the transport put them.
struct ParsedInfer {
  inference::ModelInferRequest request;    ///< everything but raw_input_contents
  std::vector<ScatteredBytes> raw_inputs;  ///< raw_input_contents, pointing into the message
};

/// Reads a serialised ModelInferRequest that lies in pieces, without copying its tensors: field 7 is recorded, all else
/// goes to the generated parser. It accepts nothing that the generated parser refuses, and then says the same; it
/// refuses more: groups, more than 64 raw tensors, and more than 1 MiB beside them. `owner` keeps the pieces alive.
/// Throws Error{invalid_argument}.
ParsedInfer parse_infer(std::span<const std::span<const std::byte>> message, std::shared_ptr<const void> owner);

}  // namespace voxd
