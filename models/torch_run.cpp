#include "models/torch_run.h"

#include <algorithm>

#include "gpu_transforms/volume/error.h"
#include "models/torch_allocator.h"

namespace voxd {
namespace {

at::Tensor answer_of(torch::jit::Module& network, const at::Tensor& input) {
  const c10::IValue answer = network.forward({input});
  if (!answer.isTensor())
    fail(Code::invalid_argument, "the network returns a ", answer.tagKind(), ", expected one tensor");
  const at::Tensor& output = answer.toTensor();
  if (output.dim() != 5 || output.size(0) != input.size(0))
    fail(Code::invalid_argument, "the network returns a tensor of shape ", c10::str(output.sizes()), ", expected [",
         input.size(0), ",C,X,Y,Z]");
  // Type and memory order in one pass. A view into a larger tensor claims to be contiguous here, and is not.
  const at::Tensor voxels = output.to(at::kFloat, false, false, at::MemoryFormat::Contiguous).contiguous();
  // A network may hand its input through, whose memory is not its own.
  return voxels.is_alias_of(input) ? voxels.clone() : voxels;
}

// Of what a network's code meets, the interpreter passes on the text and not the type.
[[noreturn]] void refuse(const at::Tensor& input, const std::string& reason) {
  if (TorchCpuAllocator::ran_out() || reason.find("out of memory") != std::string::npos)
    fail(Code::resource_exhausted, "the network ran out of memory: ", reason);
  fail(Code::invalid_argument, "the network refuses an input of ", c10::str(input.sizes()), ": ", reason);
}

}  // namespace

// An error of the interpreter has its reason at the end of a trace.
std::string reason_of(std::string_view text) {
  constexpr std::string_view marker = "RuntimeError: ";
  if (const std::size_t at = text.rfind(marker); at != std::string_view::npos) text.remove_prefix(at + marker.size());
  text.remove_prefix(std::min(text.find_first_not_of(" \n"), text.size()));
  std::string line(text.substr(0, text.find('\n')));
  return line.empty() ? "no reason given" : line;
}

std::string reason_of(const c10::Error& error) { return reason_of(error.what_without_backtrace()); }

at::Tensor run_network(torch::jit::Module& network, const at::Tensor& input) {
  TorchCpuAllocator::ran_out();  // whatever was before
  try {
    return answer_of(network, input);
  } catch (const c10::Error& error) {
    refuse(input, reason_of(error));
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    refuse(input, reason_of(error.what()));
  }
}

}  // namespace voxd
