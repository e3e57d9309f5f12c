#include "models/torch_rewrite.h"

#include <algorithm>
#include <thread>

#include "models/torch_run.h"
#include "tests/models/torch_modules.h"
#include "tests/support/catch.h"

using namespace voxd;
using namespace voxd::test;

namespace {

/// How often an operator stands in a graph, inner blocks included.
int count(const torch::jit::Block* block, const std::string& name) {
  int found = 0;
  for (const torch::jit::Node* node : block->nodes()) {
    found += node->kind().toQualString() == name;
    for (const torch::jit::Block* inner : node->blocks()) found += count(inner, name);
  }
  return found;
}

int count(torch::jit::Module& module, const std::string& name) {
  return count(module.get_method("forward").graph()->block(), name);
}

struct Rewritten {
  explicit Rewritten(const torch::jit::Module& plain) : module(plain.clone()) {
    auto graph = module.get_method("forward").graph();
    counts = rewrite_for_onednn(graph);
  }
  torch::jit::Module module;
  RewriteCounts counts;
};

at::Tensor voxels(std::int64_t channels = 4, std::int64_t side = 12) {
  at::manual_seed(11);
  return at::randn({1, channels, side, side + 2, side + 4});
}

/// Of the largest voxel of the first, or of 1.
double difference(torch::jit::Module a, torch::jit::Module b, const at::Tensor& input) {
  const c10::InferenceMode inference;
  const at::Tensor right = run_network(a, input);
  return (right - run_network(b, input)).abs().max().item<double>() / std::max(1.0, right.abs().max().item<double>());
}

const std::string scripted = "torch.conv3d(x, self.w, self.b, [1, 1, 1], [1, 1, 1])";
const std::string traced =
    "torch._convolution(x, self.w, self.b, [1, 1, 1], [1, 1, 1], [1, 1, 1], False, [0, 0, 0], 1, False, False, True, "
    "True)";
const std::string transposed = "torch.conv_transpose3d(x, self.w, self.b, [2, 2, 2], [1, 1, 1], [1, 1, 1])";
const std::string transposed_traced =
    "torch._convolution(x, self.w, self.b, [2, 2, 2], [1, 1, 1], [1, 1, 1], True, [1, 1, 1], 1, False, False, True, "
    "True)";
const std::string norm = "torch.batch_norm(x, self.gain, self.offset, self.mean, self.var, False, 0.1, 1e-5, True)";

std::string lines(const std::vector<std::string>& steps) {
  std::string code;
  for (const std::string& step : steps) code += "  x = " + step + "\n";
  return code + "  return x\n";
}

}  // namespace

TEST_CASE("convolutions of every spelling become oneDNN's and compute the same", "[rewrite]") {
  const std::string forward =
      GENERATE(lines({scripted}), lines({traced}), lines({transposed}), lines({transposed_traced}),
               lines({"torch.convolution(x, self.w, None, [2, 2, 2], [1, 1, 1], [1, 1, 1], False, [0, 0, 0], 1)"}),
               lines({"torch.conv3d(x, self.w, None, [1, 1, 1], \"same\")"}),
               lines({"torch.conv3d(x, self.w, self.b, [2, 2, 2], \"valid\", [2, 1, 1])"}),
               lines({"torch.conv3d(x, self.w, self.b, 1, \"same\", [1, 2, 3])"}));
  CAPTURE(forward);
  const auto plain = network_of(forward);
  Rewritten rewritten(plain);
  CHECK(rewritten.counts.convolutions == 1);
  CHECK(count(rewritten.module, "mkldnn::_convolution_pointwise") +
            count(rewritten.module, "mkldnn::_convolution_transpose_pointwise") ==
        1);
  CHECK(difference(plain, rewritten.module, voxels()) < 1e-5);
}

TEST_CASE("an activation that alone uses a convolution becomes part of it", "[rewrite]") {
  const std::string convolution = GENERATE(scripted, traced, transposed);
  const std::string activation = GENERATE("torch.prelu(x, self.slope)", "torch.relu(x)", "torch.relu_(x)",
                                          "torch.leaky_relu(x, 0.1)", "torch.leaky_relu_(x, 0.2)");
  CAPTURE(convolution, activation);
  const auto plain = network_of(lines({convolution, activation}));
  Rewritten rewritten(plain);
  CHECK(rewritten.counts.activations == 1);
  CHECK(count(rewritten.module, "aten::prelu") + count(rewritten.module, "aten::relu") == 0);
  CHECK(difference(plain, rewritten.module, voxels()) < 1e-5);
}

TEST_CASE("what follows a convolution stays where it would not be the same", "[rewrite]") {
  const std::string forward = GENERATE(
      // Slopes of their own for channels.
      lines({scripted, "torch.prelu(x, self.slopes)"}),
      // Two users.
      "  x = " + scripted + "\n  return torch.prelu(x, self.slope) + x\n",
      // Once for each turn of a loop.
      "  y = " + scripted +
          "\n  z = x\n  for i in range(x.size(2) - 9):\n    z = z + torch.leaky_relu_(y, 0.5)\n  return z\n",
      // An activation that the operator is not asked for.
      lines({scripted, "torch.elu(x)"}));
  CAPTURE(forward);
  const auto plain = network_of(forward);
  Rewritten rewritten(plain);
  CHECK(rewritten.counts.convolutions == 1);
  CHECK(rewritten.counts.activations == 0);
  CHECK(difference(plain, rewritten.module, voxels()) < 1e-5);
}

TEST_CASE("a batch norm after a convolution is folded into its weights, an activation after it too", "[rewrite]") {
  const std::string convolution = GENERATE(transposed, transposed_traced, traced);
  const std::string parameters = GENERATE("self.gain, self.offset", "None, None", "self.gain, None");
  CAPTURE(convolution, parameters);
  const auto plain = network_of(
      lines({convolution, "torch.batch_norm(x, " + parameters + ", self.mean, self.var, False, 0.1, 1e-5, True)",
             "torch.prelu(x, self.slope)"}));
  Rewritten rewritten(plain);
  CHECK(count(rewritten.module, "aten::batch_norm") == 0);
  CHECK(rewritten.counts.activations == 1);
  CHECK(difference(plain, rewritten.module, voxels()) < 1e-5);
}

TEST_CASE("a batch norm stays where its statistics are the input's, or a convolution has another user", "[rewrite]") {
  const std::string forward =
      GENERATE(lines({transposed, "torch.batch_norm(x, self.gain, self.offset, None, None, True, 0.1, 1e-5, True)"}),
               "  x = " + transposed + "\n  return " + norm + " + x\n");
  CAPTURE(forward);
  const auto plain = network_of(forward);
  Rewritten rewritten(plain);
  CHECK(rewritten.counts.convolutions == 1);
  CHECK(rewritten.counts.batch_norms == 0);
  CHECK(count(rewritten.module, "aten::batch_norm") == 1);
  CHECK(difference(plain, rewritten.module, voxels()) < 1e-5);
}

TEST_CASE("convolutions that are not known stay as they are", "[rewrite]") {
  const std::string forward = GENERATE(
      // Weights that the network computes.
      lines({"torch.conv3d(x, self.w * x.mean(), self.b)"}),
      // More voxels on one side than on the other.
      lines({"torch.conv3d(x, self.w[:, :, :2, :2, :2], self.b, [1, 1, 1], \"same\")"}),
      // Two axes.
      lines({"torch.conv2d(x[0][:, :3], self.w[0], None).unsqueeze(0)"}));
  CAPTURE(forward);
  const auto plain = network_of(forward);
  Rewritten rewritten(plain);
  CHECK(rewritten.counts.convolutions == 0);
  CHECK(difference(plain, rewritten.module, voxels()) == 0);
}

TEST_CASE("a residual block is rewritten in every branch, and serves every size and batch", "[rewrite]") {
  const auto plain = network_of(
      "  if x.size(2) > 14:\n"
      "    y = torch.relu(" +
      scripted +
      ")\n"
      "  else:\n"
      "    y = torch.prelu(" +
      scripted +
      ", self.slope)\n"
      "  y = torch.conv3d(y, self.v, None, [2, 2, 2], [1, 1, 1]) + torch.conv3d(x, self.w, None, [2, 2, 2], [1, 1, "
      "1])\n"
      "  return torch.cat([y, torch.instance_norm(y, None, None, None, None, True, 0.1, 1e-5, True)], 1)\n");
  Rewritten rewritten(plain);
  CHECK(rewritten.counts.convolutions == 4);
  CHECK(rewritten.counts.activations == 2);
  for (const std::int64_t side : {12, 16, 31}) CHECK(difference(plain, rewritten.module, voxels(4, side)) < 1e-5);
  CHECK(difference(plain, rewritten.module, at::cat({voxels(), voxels() * 2}, 0)) < 1e-5);
}

TEST_CASE("several threads get the same bits of a rewritten network", "[rewrite]") {
  Rewritten rewritten(network_of(lines({scripted, "torch.prelu(x, self.slope)", transposed, "torch.relu(x)"})));
  const std::vector<at::Tensor> inputs{voxels(4, 12), voxels(4, 20), voxels(4, 12), voxels(4, 16)};
  // As many threads of libtorch's in each run: how many share a convolution may change the order of additions.
  const auto answer = [&](const at::Tensor& input) {
    const c10::InferenceMode inference;
    set_torch_threads(1);
    return run_network(rewritten.module, input);
  };
  std::vector<at::Tensor> alone(inputs.size()), together(inputs.size());
  std::thread([&] {
    for (std::size_t i = 0; i < inputs.size(); ++i) alone[i] = answer(inputs[i]);
  }).join();
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    threads.emplace_back([&, i] {
      for (int turn = 0; turn < 3; ++turn) together[i] = answer(inputs[i]);
    });
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < inputs.size(); ++i) CHECK(alone[i].equal(together[i]));
}

TEST_CASE("in bfloat16 the same graph comes close, with norms' parameters as they were", "[rewrite]") {
  const auto plain = network_of(lines({scripted, "torch.elu(x)", norm, transposed, "torch.prelu(x, self.slopes)"}));
  Rewritten rewritten(plain);
  auto graph = rewritten.module.get_method("forward").graph();
  convert_to_bf16(graph);
  int norms = 0;
  for (const torch::jit::Node* node : graph->nodes())
    if (node->kind().toQualString() == std::string("aten::batch_norm")) {
      ++norms;
      CHECK(torch::jit::toIValue(node->namedInput("running_mean"))->toTensor().scalar_type() == at::kFloat);
    }
  CHECK(norms == 1);
  const double off = difference(plain, rewritten.module, voxels());
  CHECK(off > 0);
  CHECK(off < 0.1);
}
