#include "models/torch_variant.h"

#include <filesystem>
#include <iostream>
#include <limits>

#include "models/torch_allocator.h"
#include "models/torch_run.h"
#include "tests/models/fixtures.h"
#include "tests/models/torch_modules.h"
#include "tests/support/catch.h"

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;

namespace {

NetworkOptions options_of(std::int32_t channels, const Int3& size = {16, 16, 16}) {
  NetworkOptions options;
  options.input_channels = channels;
  options.warm_up_size = size;
  return options;
}

std::string joined(const std::vector<std::string>& notes) {
  std::string text;
  for (const std::string& note : notes) text += note + "\n";
  return text;
}

bool is_rewritten(const TorchVariant& variant) {
  return variant.module.get_method("forward").graph()->toString().find("mkldnn::_convolution") != std::string::npos;
}

/// One convolution, whose answer is then changed by `after`.
torch::jit::Module network_with(const std::string& after) {
  return network_of("  x = torch.conv3d(x, self.w, self.b, [1, 1, 1], [1, 1, 1])\n  return " + after + "\n");
}

std::string zoo_network(const std::string& bundle) {
  return std::string(VOXD_SOURCE_DIR) + "/models/zoo/" + bundle + "/models/model.ts";
}

torch::jit::Module frozen(const std::string& file) {
  configure_torch(VOXD_TORCH_THREADS);
  torch::jit::Module module = torch::jit::load(file);
  module.eval();
  return module.hasattr("training") ? torch::jit::freeze(module) : module;
}

}  // namespace

TEST_CASE("a form is the same when each voxel is, against the largest of them", "[rewrite]") {
  configure_torch(VOXD_TORCH_THREADS);
  const at::Tensor right = at::linspace(-20, 20, 2 * 8 * 8 * 8).view({1, 2, 8, 8, 8});
  CHECK(is_the_same(compare(right, right)));
  CHECK(compare(right, right).same_channel == 1);
  at::Tensor other = right.clone();
  other[0][1][3][4][5] += 0.0019f;
  CHECK(is_the_same(compare(right, other)));
  other[0][1][3][4][5] += 0.007f;
  CHECK_FALSE(is_the_same(compare(right, other)));
  CHECK(is_close(compare(right, other)));
  // One voxel of very many may be off by more, but not by as much as a mistake makes it.
  const at::Tensor large = at::linspace(-20, 20, 2 * 64 * 64 * 64).view({1, 2, 64, 64, 64});
  at::Tensor rounded = large.clone();
  rounded[0][1][3][4][5] += 0.019f;
  CHECK(is_the_same(compare(large, rounded)));
  rounded[0][1][3][4][5] += 0.002f;
  CHECK_FALSE(is_the_same(compare(large, rounded)));
  rounded = large + 0.0021f;
  CHECK_FALSE(is_the_same(compare(large, rounded)));
  // Small answers count as if they reached 1.
  CHECK(is_the_same(compare(right * 1e-3, right * 1.004e-3)));
}

TEST_CASE("numbers that are not finite, and other shapes, never agree", "[rewrite]") {
  const at::Tensor right = at::ones({1, 2, 4, 4, 4});
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    at::Tensor other = right.clone();
    other[0][0][1][2][3] = bad;
    for (const Agreement& agreement : {compare(right, other), compare(other, right), compare(other, other)}) {
      CHECK_FALSE(is_the_same(agreement));
      CHECK_FALSE(is_close(agreement));
    }
  }
  CHECK_FALSE(is_the_same(compare(right, at::ones({1, 2, 4, 4, 5}))));
  CHECK_FALSE(is_close(compare(right, at::ones({1, 1, 4, 4, 4}))));
}

TEST_CASE("bfloat16's rounding is close, another answer is not", "[rewrite]") {
  at::manual_seed(3);
  const at::Tensor right = at::randn({1, 3, 16, 16, 16});
  CHECK(is_close(compare(right, right.to(at::kBFloat16).to(at::kFloat))));
  CHECK_FALSE(is_close(compare(right, right.flip(2))));
  CHECK_FALSE(is_close(compare(right, right * 1.1)));
  CHECK_FALSE(is_close(compare(right, at::zeros_like(right))));
  at::Tensor one_voxel = right.clone();
  one_voxel[0][0][0][0][0] = 10;
  CHECK_FALSE(is_close(compare(right, one_voxel)));
}

TEST_CASE("a network is rewritten as it is loaded, unless its bundle says no", "[rewrite]") {
  const auto plain = network_with("torch.relu(x)");
  const TorchVariant usual = choose_variant(plain, options_of(4));
  CHECK(is_rewritten(usual));
  CHECK_THAT(joined(usual.notes), StartsWith("rewritten for oneDNN: 1 convolutions with 1 activations") &&
                                      Contains("differs from the file's graph by at most "));
  NetworkOptions as_it_is = options_of(4);
  as_it_is.rewrite = false;
  CHECK_FALSE(is_rewritten(choose_variant(plain, as_it_is)));
  CHECK(choose_variant(plain, as_it_is).notes.empty());
}

TEST_CASE("a network whose rewritten graph does not answer the same is served as its file has it", "[rewrite]") {
  // The last bits of a convolution decide of everything: no other order of additions gives these answers.
  const auto chaotic = network_with("torch.frac(x * 1e7)");
  const TorchVariant variant = choose_variant(chaotic, options_of(4));
  CHECK_FALSE(is_rewritten(variant));
  CHECK_THAT(joined(variant.notes), StartsWith("not rewritten: 1 convolutions") && Contains("differs"));
}

TEST_CASE("a network without convolutions is served as its file has it", "[rewrite]") {
  const TorchVariant variant = choose_variant(network_of("  return x * self.slope\n"), options_of(4));
  CHECK(joined(variant.notes) == "not rewritten: it has no convolution that the rewrite knows\n");
}

TEST_CASE("a form that cannot be run at all is left out with the reason", "[rewrite]") {
  // Without a batch axis, which oneDNN's operator must have.
  const auto unbatched = network_of("  return torch.conv3d(x[0], self.w, self.b, [1, 1, 1], [1, 1, 1]).unsqueeze(0)\n");
  const TorchVariant variant = choose_variant(unbatched, options_of(4));
  CHECK_FALSE(is_rewritten(variant));
  CHECK_THAT(joined(variant.notes), StartsWith("not rewritten: ") && !Contains("differs"));
}

TEST_CASE("bfloat16 is used where the processor has it and the answer stays close", "[rewrite]") {
  NetworkOptions options = options_of(4);
  options.precision = Precision::bf16;
  const auto notes = joined(choose_variant(network_with("torch.relu(x)"), options).notes);
  if (!has_bf16()) {
    CHECK_THAT(notes, Contains("computes in fp32: this processor has no bf16"));
    return;
  }
  CHECK_THAT(notes, Contains("rewritten for oneDNN") && Contains("computes in bf16: of the rewritten graph; differs"));
  const auto unclear = joined(choose_variant(network_with("torch.frac(x * 1e3)"), options).notes);
  CHECK_THAT(unclear, Contains("computes in fp32, not bf16: "));
  options.rewrite = false;
  const auto of_the_file = joined(choose_variant(network_with("torch.relu(x)"), options).notes);
  CHECK_THAT(of_the_file, StartsWith("computes in bf16: of the file's graph"));
}

TEST_CASE("the zoo's networks are rewritten and answer the same", "[rewrite]") {
  const std::string bundle = GENERATE("brain_extraction", "spleen_seg");
  if (!std::filesystem::exists(zoo_network(bundle))) {
    std::cout << "SKIPPED: the network of " << bundle << " is not installed\n";
    return;
  }
  NetworkOptions options = options_of(1, {128, 128, 128});
  const TorchVariant variant = choose_variant(frozen(zoo_network(bundle)), options);
  CAPTURE(bundle);
  CHECK(is_rewritten(variant));
  CHECK_THAT(joined(variant.notes), StartsWith("rewritten for oneDNN: "));
  std::cout << bundle << ": " << joined(variant.notes);
}

TEST_CASE("no size needs more memory than a network states, in any form of it", "[rewrite]") {
  if (!std::filesystem::exists(zoo_network("spleen_seg"))) return;
  configure_torch(VOXD_TORCH_THREADS);
  NetworkOptions options = options_of(1, {64, 64, 64});
  options.rewrite = GENERATE(true, false);
  options.precision = GENERATE(Precision::fp32, Precision::bf16);
  const auto network = load_torchscript(zoo_network("spleen_seg"), options);
  for (const Int3& size : {Int3{32, 32, 32}, Int3{48, 64, 80}, Int3{64, 64, 64}, Int3{128, 96, 112}}) {
    CAPTURE(options.rewrite, options.precision == Precision::bf16, size[0]);
    Rig rig;
    const HostVolume image = volume_of<float>(size, [](int x, int y, int z) { return (x + y + z) % 7; });
    const DeviceVolume input = upload(image, rig.workspace);
    network->forward(input, rig.context);
    const TorchMemoryMeter meter;
    network->forward(input, rig.context);
    CHECK(meter.peak_bytes() <= network->peak_bytes(1, size));
  }
}

TEST_CASE("a network that finds no memory is told from one that refuses its input", "[torch]") {
  const auto code = [](const std::string& answer) {
    torch::jit::Module network = network_of("  return " + answer + "\n", 1);
    return code_of([&] { run_network(network, at::zeros({1, 1, 4, 4, 4})); });
  };
  CHECK(code("x + torch.zeros([1, 1, 4, x.size(3) * 1000000, x.size(4) * 1000000])") == "resource_exhausted");
  CHECK(code("x + torch.zeros([1, 1, 3, 3, 3])") == "invalid_argument");
}
