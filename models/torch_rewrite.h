#pragma once

#include <torch/csrc/jit/ir/ir.h>

#include <memory>

namespace voxd {

/// What rewrite_for_onednn() changed, in nodes.
struct RewriteCounts {
  int convolutions = 0;  ///< replaced by oneDNN's, transposed ones included
  int activations = 0;   ///< computed by the convolution before them
  int batch_norms = 0;   ///< folded into the weights before them
};

/// Rewrites the graph of a frozen network for the CPU, in place, so that it computes the same but for rounding:
/// - 3D convolutions and transposed ones with constant float32 weights become oneDNN's, at every size: libtorch's own
///   choice for one small input is a matrix product over a copy of the voxels that is as many times larger as the
///   kernel has taps;
/// - a batch norm and then a ReLU, leaky ReLU or PReLU of one slope that alone use a convolution's result become part
///   of it;
/// - voxels and weights lie channels last, in which oneDNN needs no copies into an order of its own.
/// What it does not know stays as it is. Not safe from several threads for one graph; call it before the first run. A
/// graph must not be used after an exception.
RewriteCounts rewrite_for_onednn(std::shared_ptr<torch::jit::Graph>& graph);

/// Makes a frozen network compute in bfloat16, in place: its input and its float32 constants are converted, but not
/// those of norms, which take their parameters in float32 beside such voxels, nor single numbers. It returns bfloat16.
void convert_to_bf16(std::shared_ptr<torch::jit::Graph>& graph);

}  // namespace voxd
