#pragma once

#include <torch/script.h>

#include <string>
#include <vector>

#include "models/network.h"

namespace voxd {

/// How far an answer is from the one that is right.
struct Agreement {
  double scale = 0;         ///< the largest magnitude of the right one, at least 1
  double largest = 0;       ///< difference of a voxel
  double relative_rms = 0;  ///< of all differences, against that of the right one
  double same_channel = 1;  ///< share of voxels whose largest channel is the same; 1 where there is one channel
  bool comparable = false;  ///< same shape, and all numbers finite
};

/// Compares two tensors [N,C,X,Y,Z] of float32.
Agreement compare(const at::Tensor& right, const at::Tensor& other);
/// What a graph that only computes in another order must keep to: every voxel within 1e-4 of the scale. Some networks,
/// those with instance norms above all, let rounding grow: single voxels of the file's own graph are then farther than
/// that from what float64 gives. So a voxel may also be off by 1e-3 of the scale if all differences together are within
/// 1e-5 of the right answer, which no mistake keeps to.
bool is_the_same(const Agreement& agreement);
/// What bfloat16 must keep to. It has 8 bits, so voxels whose two best channels lie close may change sides; but a
/// wrong result is off by as much as it is large. All differences together within 5 % of the right answer, no voxel off
/// by more than a quarter of the scale, and at least 98 % of the voxels with the same largest channel.
bool is_close(const Agreement& agreement);

/// A network's module as it is to be run, and what was decided about it: a line each, for the operator.
struct TorchVariant {
  torch::jit::Module module;
  std::vector<std::string> notes;
};

/// The fastest of a frozen network's forms that `options` allow and that answers as the file's own graph does to random
/// voxels of the warm-up's size: rewritten for oneDNN, or that in bfloat16. Whatever fails in a form only leaves it
/// out, with a note. On CUDA always the file's own. Throws as run_network() does where the file's own graph fails.
TorchVariant choose_variant(const torch::jit::Module& plain, const NetworkOptions& options);

/// Whether this processor computes in bfloat16 itself. Without that oneDNN converts back and forth, which is slower
/// than float32.
bool has_bf16();

}  // namespace voxd
