// Writes MONAI's 3D UNet as a TorchScript file, layer for layer and name for name, with fixed pseudo-random weights: for
// measurements, where a network's size and work matter and its answer does not. Without numbers of channels, the
// architecture of the bundle spleen_seg.

#include <torch/script.h>

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

namespace {

using torch::jit::Module;

constexpr std::int64_t expected_parameters = 478'349;

/// Uniform numbers that are the same on every machine, which libtorch's own are not to the last bit.
class Numbers {
 public:
  /// In [-1, 1), a multiple of 2^-23.
  float next() {
    state_ += 0x9e3779b97f4a7c15u;
    std::uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return static_cast<float>(static_cast<std::int64_t>(z >> 40) - (1 << 23)) * 0x1p-23f;
  }

  /// middle + [-1, 1) * half_width
  at::Tensor tensor(const std::vector<std::int64_t>& shape, float middle, float half_width) {
    at::Tensor result = at::empty(shape, at::kFloat);
    float* values = result.data_ptr<float>();
    for (std::int64_t i = 0; i < result.numel(); ++i) values[i] = middle + half_width * next();
    return result;
  }

 private:
  std::uint64_t state_ = 20'240'611;
};

class UNetBuilder {
 public:
  /// MONAI's UNet: per level a residual unit that halves the grid, the level below, and a transposed convolution with a
  /// residual unit that brings it back.
  Module unet(std::int64_t in, std::int64_t out, const std::vector<std::int64_t>& channels) {
    Module root = plain("UNet");
    root.register_module("model", level(in, out, channels, true));
    root.define("def forward(self, x):\n  return self.model.forward(x)\n");
    return root;
  }

  std::int64_t parameters() const { return parameters_; }

 private:
  static Module plain(const std::string& name) {
    Module module(name);
    module.register_attribute("training", c10::BoolType::get(), false);
    return module;
  }

  /// Modules under the names "0", "1", ... one after the other.
  static Module sequence(const std::vector<Module>& parts) {
    Module module = plain("Sequential");
    std::string code = "def forward(self, x):\n";
    for (std::size_t i = 0; i < parts.size(); ++i) {
      module.register_module(std::to_string(i), parts[i]);
      code += "  x = getattr(self, \"" + std::to_string(i) + "\").forward(x)\n";
    }
    module.define(code + "  return x\n");
    return module;
  }

  void parameter(Module& module, const std::string& name, at::Tensor value) {
    parameters_ += value.numel();
    module.register_parameter(name, std::move(value), false);
  }

  Module convolution(std::int64_t in, std::int64_t out, std::int64_t kernel, std::int64_t stride) {
    Module module = plain("Conv3d");
    const std::int64_t taps = kernel * kernel * kernel;
    // Keeps the size of activations about what it is from layer to layer.
    const float width = std::sqrt(3.0f / static_cast<float>(in * taps));
    parameter(module, "weight", numbers_.tensor({out, in, kernel, kernel, kernel}, 0, width));
    parameter(module, "bias", numbers_.tensor({out}, 0, 0.1f));
    const std::string s = std::to_string(stride), p = std::to_string(kernel / 2);
    module.define("def forward(self, x):\n  return torch.conv3d(x, self.weight, self.bias, [" + s + ", " + s + ", " +
                  s + "], [" + p + ", " + p + ", " + p + "])\n");
    return module;
  }

  Module transposed_convolution(std::int64_t in, std::int64_t out) {
    Module module = plain("ConvTranspose3d");
    // Each output voxel sees 27/8 of the taps on average.
    parameter(module, "weight",
              numbers_.tensor({in, out, 3, 3, 3}, 0, std::sqrt(3.0f * 8 / static_cast<float>(in * 27))));
    parameter(module, "bias", numbers_.tensor({out}, 0, 0.1f));
    module.define(
        "def forward(self, x):\n  return torch.conv_transpose3d(x, self.weight, self.bias, [2, 2, 2], [1, 1, 1], [1, "
        "1, 1])\n");
    return module;
  }

  Module batch_norm(std::int64_t channels) {
    Module module = plain("BatchNorm3d");
    parameter(module, "weight", numbers_.tensor({channels}, 1, 0.25f));
    parameter(module, "bias", numbers_.tensor({channels}, 0, 0.25f));
    module.register_buffer("running_mean", numbers_.tensor({channels}, 0, 0.25f));
    module.register_buffer("running_var", numbers_.tensor({channels}, 0.5f, 0.25f));
    module.register_buffer("num_batches_tracked", at::zeros({}, at::kLong));
    module.define(
        "def forward(self, x):\n  return torch.batch_norm(x, self.weight, self.bias, self.running_mean, "
        "self.running_var, False, 0.1, 1e-05, True)\n");
    return module;
  }

  Module prelu() {
    Module module = plain("PReLU");
    parameter(module, "weight", numbers_.tensor({1}, 0.25f, 0.1f));
    module.define("def forward(self, x):\n  return torch.prelu(x, self.weight)\n");
    return module;
  }

  Module activation(std::int64_t channels) {
    Module module = plain("ADN");
    module.register_module("N", batch_norm(channels));
    module.register_module("A", prelu());
    module.define("def forward(self, x):\n  return self.A.forward(self.N.forward(x))\n");
    return module;
  }

  Module unit(Module convolution, std::int64_t channels) {
    Module module = plain("Convolution");
    module.register_module("conv", convolution);
    module.register_module("adn", activation(channels));
    module.define("def forward(self, x):\n  return self.adn.forward(self.conv.forward(x))\n");
    return module;
  }

  Module last_unit(std::int64_t channels) {
    Module module = plain("Convolution");
    Module last = convolution(channels, channels, 3, 1);
    // Makes about a fifth of an abdominal CT foreground, instead of half of it.
    if (channels == 2) last.attr("bias").toTensor().copy_(at::tensor({4.25f, -4.25f}));
    module.register_module("conv", last);
    module.define("def forward(self, x):\n  return self.conv.forward(x)\n");
    return module;
  }

  /// Two convolutions beside a third that brings the input to the same shape.
  Module down_unit(std::int64_t in, std::int64_t out, std::int64_t stride) {
    Module units = plain("Sequential");
    units.register_module("unit0", unit(convolution(in, out, 3, stride), out));
    units.register_module("unit1", unit(convolution(out, out, 3, 1), out));
    units.define("def forward(self, x):\n  return self.unit1.forward(self.unit0.forward(x))\n");
    Module module = plain("ResidualUnit");
    module.register_module("conv", units);
    module.register_module("residual", convolution(in, out, stride == 1 ? 1 : 3, stride));
    module.define("def forward(self, x):\n  return self.conv.forward(x) + self.residual.forward(x)\n");
    return module;
  }

  Module up_unit(std::int64_t channels, bool top) {
    Module units = plain("Sequential");
    units.register_module("unit0", top ? last_unit(channels) : unit(convolution(channels, channels, 3, 1), channels));
    units.define("def forward(self, x):\n  return self.unit0.forward(x)\n");
    Module module = plain("ResidualUnit");
    module.register_module("conv", units);
    module.define("def forward(self, x):\n  return self.conv.forward(x) + x\n");
    return module;
  }

  static Module skip(Module submodule) {
    Module module = plain("SkipConnection");
    module.register_module("submodule", submodule);
    module.define("def forward(self, x):\n  return torch.cat([x, self.submodule.forward(x)], 1)\n");
    return module;
  }

  Module level(std::int64_t in, std::int64_t out, const std::vector<std::int64_t>& channels, bool top) {
    const std::int64_t here = channels.front();
    const std::vector<std::int64_t> below(channels.begin() + 1, channels.end());
    // The lowest level keeps its grid and has no way up of its own.
    const bool above_lowest = below.size() == 1;
    const std::int64_t from_below = above_lowest ? below.front() : here;
    Module down = down_unit(in, here, 2);
    Module middle = skip(above_lowest ? down_unit(here, below.front(), 1) : level(here, here, below, false));
    Module up = sequence({unit(transposed_convolution(here + from_below, out), out), up_unit(out, top)});
    return sequence({down, middle, up});
  }

  Numbers numbers_;
  std::int64_t parameters_ = 0;
};

struct Sizes {
  std::int64_t in = 1, out = 2;
  std::vector<std::int64_t> levels{8, 16, 32, 32, 64};  // channels of each
  bool of_the_bundle = true;
};

int run(const std::filesystem::path& file, const Sizes& sizes) {
  UNetBuilder builder;
  const Module network = builder.unet(sizes.in, sizes.out, sizes.levels);
  if (sizes.of_the_bundle && builder.parameters() != expected_parameters) {
    std::fprintf(stderr, "make_unet: %lld parameters, expected %lld\n", static_cast<long long>(builder.parameters()),
                 static_cast<long long>(expected_parameters));
    return 1;
  }
  if (file.has_parent_path()) std::filesystem::create_directories(file.parent_path());
  // Under another name first, so that nobody finds half a file. The archive's inner folder has that name, so it is
  // fixed.
  const std::filesystem::path unfinished = file.parent_path() / "network.tmp";
  network.save(unfinished.string());
  std::filesystem::rename(unfinished, file);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // At least two levels: the lowest has no way up.
  if (argc != 2 && argc < 6) {
    std::fprintf(stderr, "usage: make_unet FILE.ts [IN OUT CHANNELS CHANNELS...]\n");
    return 2;
  }
  try {
    Sizes sizes;
    if (argc > 2) {
      sizes = {std::stoll(argv[2]), std::stoll(argv[3]), {}, false};
      for (int i = 4; i < argc; ++i) sizes.levels.push_back(std::stoll(argv[i]));
    }
    return run(argv[1], sizes);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_unet: %s\n", error.what());
    return 1;
  }
}
