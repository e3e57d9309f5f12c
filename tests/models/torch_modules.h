#pragma once

#include <torch/script.h>

#include <string>

#include "models/network.h"

namespace voxd::test {

/// A module to be filled by register_parameter() and define().
inline torch::jit::Module module_of(const std::string& name) {
  torch::jit::Module module(name);
  module.register_attribute("training", c10::BoolType::get(), false);
  return module;
}

/// A frozen module with the parameters w [out,in,k,k,k], or [in,out,k,k,k] of transposed ones, and b [out], and those
/// of a batch norm and of PReLUs beside them, which `forward` uses.
inline torch::jit::Module network_of(const std::string& forward, std::int64_t in = 4, std::int64_t out = 4,
                                     std::int64_t kernel = 3) {
  configure_torch(VOXD_TORCH_THREADS);
  at::manual_seed(7);
  torch::jit::Module module = module_of("Network");
  module.register_parameter("w", at::randn({out, in, kernel, kernel, kernel}) * 0.1, false);
  module.register_parameter("v", at::randn({out, out, kernel, kernel, kernel}) * 0.1, false);
  module.register_parameter("b", at::randn({out}), false);
  module.register_parameter("gain", at::rand({out}) + 0.5, false);
  module.register_parameter("offset", at::randn({out}), false);
  module.register_parameter("mean", at::randn({out}), false);
  module.register_parameter("var", at::rand({out}) + 0.5, false);
  module.register_parameter("slope", at::full({1}, 0.25), false);
  module.register_parameter("slopes", at::rand({out}), false);
  module.define("def forward(self, x):\n" + forward);
  return torch::jit::freeze(module);
}

}  // namespace voxd::test
