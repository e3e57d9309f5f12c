#pragma once

#include <torch/script.h>

#include <string>
#include <string_view>

namespace voxd {

/// The one line of a libtorch message that says what is wrong.
std::string reason_of(std::string_view text);
std::string reason_of(const c10::Error& error);

/// Runs a frozen network: [N,C,X,Y,Z] -> [N,C',X',Y',Z'], float32, contiguous, in memory that is not the input's. Safe
/// from any thread. Throws Error{resource_exhausted} when memory is short, Error{invalid_argument} when the network
/// refuses the input or answers with something else, with libtorch's first line.
at::Tensor run_network(torch::jit::Module& network, const at::Tensor& input);

}  // namespace voxd
