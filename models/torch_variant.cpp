#include "models/torch_variant.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/cpu/Utils.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <optional>

#include "gpu_transforms/volume/error.h"
#include "models/torch_rewrite.h"
#include "models/torch_run.h"

namespace voxd {
namespace {

using GraphPointer = std::shared_ptr<torch::jit::Graph>;

std::string number(const char* format, double value) {
  char text[32];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

/// The same voxels at every load. Not zeros, which hide most mistakes.
at::Tensor random_voxels(const NetworkOptions& options) {
  const Int3& size = options.warm_up_size;
  return at::randn({options.warm_up_batch, options.input_channels, size[0], size[1], size[2]},
                   at::make_generator<at::CPUGeneratorImpl>(std::uint64_t{20'240'611}));
}

std::string rewrite(GraphPointer& graph) {
  const RewriteCounts counts = rewrite_for_onednn(graph);
  if (counts.convolutions == 0) fail(Code::failed_precondition, "it has no convolution that the rewrite knows");
  return std::to_string(counts.convolutions) + " convolutions with " + std::to_string(counts.activations) +
         " activations and " + std::to_string(counts.batch_norms) + " batch norms in them";
}

std::string distance(const Agreement& agreement) {
  if (!agreement.comparable) return "answers with another shape, or with numbers that are not finite";
  std::string text = "differs from the file's graph by at most " + number("%.2g", agreement.largest) +
                     " where that reaches " + number("%.3g", agreement.scale) + ", by " +
                     number("%.2g", 100 * agreement.relative_rms) + " % in all";
  if (agreement.same_channel < 1)
    text +=
        ", and has the same largest channel in " + number("%.3f", 100 * agreement.same_channel) + " % of the voxels";
  return text;
}

/// A form of the network that was made and run, or why not.
struct Trial {
  std::optional<torch::jit::Module> module;
  std::string what;  // what was done to it, or what failed
  Agreement agreement;
};

/// Makes another form of a network by `change`, which says what it did, and compares its answer with the right one.
Trial try_form(const torch::jit::Module& plain, const std::function<std::string(GraphPointer&)>& change,
               const at::Tensor& input, const at::Tensor& right) {
  Trial trial;
  try {
    torch::jit::Module copy = plain.clone();
    GraphPointer graph = copy.get_method("forward").graph();
    trial.what = change(graph);
    trial.agreement = compare(right, run_network(copy, input));
    trial.module = std::move(copy);
  } catch (const c10::Error& error) {
    trial.what = reason_of(error);
  } catch (const std::exception& error) {
    trial.what = reason_of(error.what());
  }
  return trial;
}

/// Serves a form that agrees, and notes what came of it.
bool take(TorchVariant& chosen, Trial trial, bool (*agrees)(const Agreement&), const std::string& yes,
          const std::string& no) {
  const bool good = trial.module && agrees(trial.agreement);
  if (good) chosen.module = *std::move(trial.module);
  const std::string found = trial.module ? trial.what + "; " + distance(trial.agreement) : trial.what;
  chosen.notes.push_back((good ? yes : no) + ": " + found);
  return good;
}

}  // namespace

Agreement compare(const at::Tensor& right, const at::Tensor& other) {
  Agreement agreement;
  if (right.sizes() != other.sizes() || right.numel() == 0) return agreement;
  const at::Tensor difference = (right - other).abs();
  agreement.scale = std::max(1.0, right.abs().max().item<double>());
  agreement.largest = difference.max().item<double>();
  const double size = at::linalg_vector_norm(right, 2, {}, false, at::kDouble).item<double>();
  const double error = at::linalg_vector_norm(difference, 2, {}, false, at::kDouble).item<double>();
  agreement.relative_rms = error == 0 ? 0 : error / size;
  if (right.size(1) > 1)
    agreement.same_channel = right.argmax(1).eq(other.argmax(1)).to(at::kDouble).mean().item<double>();
  // A NaN on either side is one in the difference, and max() hands it through.
  agreement.comparable = std::isfinite(agreement.scale) && std::isfinite(agreement.largest);
  return agreement;
}

bool is_the_same(const Agreement& agreement) {
  const bool rounding_grew = agreement.relative_rms <= 1e-5 && agreement.largest <= 1e-3 * agreement.scale;
  return agreement.comparable && (agreement.largest <= 1e-4 * agreement.scale || rounding_grew);
}

bool is_close(const Agreement& agreement) {
  return agreement.comparable && agreement.relative_rms <= 0.05 && agreement.largest <= 0.25 * agreement.scale &&
         agreement.same_channel >= 0.98;
}

bool has_bf16() {
  const auto capabilities = at::cpu::get_cpu_capabilities();
  for (const char* name : {"avx512_bf16", "amx_bf16"})
    if (const auto found = capabilities.find(name); found != capabilities.end() && found->second.toBool()) return true;
  return false;
}

TorchVariant choose_variant(const torch::jit::Module& plain, const NetworkOptions& options) {
  TorchVariant chosen{plain, {}};
  bool bf16 = options.precision == Precision::bf16;
  if (bf16 && (options.device >= 0 || !has_bf16())) {
    bf16 = false;
    chosen.notes.push_back(options.device >= 0 ? "computes in fp32: bf16 is for the CPU only"
                                               : "computes in fp32: this processor has no bf16");
  }
  if (options.device >= 0 || (!options.rewrite && !bf16)) return chosen;

  const c10::InferenceMode inference;
  const at::Tensor input = random_voxels(options);
  const at::Tensor right = run_network(chosen.module, input);
  bool rewritten = false;
  if (options.rewrite) {
    rewritten =
        take(chosen, try_form(plain, rewrite, input, right), is_the_same, "rewritten for oneDNN", "not rewritten");
  }
  if (bf16) {
    const auto change = [rewritten](GraphPointer& graph) {
      if (rewritten) rewrite_for_onednn(graph);
      convert_to_bf16(graph);
      return std::string(rewritten ? "of the rewritten graph" : "of the file's graph");
    };
    take(chosen, try_form(plain, change, input, right), is_close, "computes in bf16", "computes in fp32, not bf16");
  }
  return chosen;
}

}  // namespace voxd
