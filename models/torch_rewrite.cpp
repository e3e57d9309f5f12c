#include "models/torch_rewrite.h"

#include <ATen/ATen.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/constant_propagation.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace voxd {
namespace {

using c10::IValue;
using c10::Symbol;
using torch::jit::Block;
using torch::jit::Graph;
using torch::jit::Node;
using torch::jit::Value;

Symbol aten(const char* name) { return Symbol::fromQualString(std::string("aten::") + name); }

bool is_any_of(const Node& node, std::initializer_list<const char*> names) {
  for (const char* name : names)
    if (node.kind() == aten(name)) return true;
  return false;
}

template <class Visit>
void visit_nodes(Block* block, const Visit& visit) {
  for (Node* node : block->nodes()) {
    visit(node);
    for (Block* inner : node->blocks()) visit_nodes(inner, visit);
  }
}

/// A float32 tensor that is known before the network runs; undefined if there is none.
at::Tensor constant_tensor(const Value* value) {
  const std::optional<IValue> constant = torch::jit::toIValue(value);
  if (!constant || !constant->isTensor() || constant->toTensor().scalar_type() != at::kFloat) return {};
  return constant->toTensor();
}

bool is_none(const Value* value) {
  const std::optional<IValue> constant = torch::jit::toIValue(value);
  return constant && constant->isNone();
}

std::optional<bool> constant_flag(const Value* value) { return torch::jit::constant_as<bool>(value); }

/// The node that alone uses another's result. One in an inner block does not count: it may run any number of times.
Node* sole_user(const Node* node) {
  const auto& uses = node->output()->uses();
  if (uses.size() != 1 || uses.front().offset != 0) return nullptr;
  Node* user = uses.front().user;
  return user->owningBlock() == node->owningBlock() ? user : nullptr;
}

/// A convolution of any of libtorch's spellings.
struct Convolution {
  bool transposed = false;
  std::int64_t groups = 1;
  Value *input = nullptr, *bias = nullptr, *stride = nullptr, *padding = nullptr, *dilation = nullptr;
  Value* output_padding = nullptr;  // of transposed ones
  at::Tensor weight;
  std::optional<std::vector<std::int64_t>> worded_padding;  // what "same" or "valid" means here
  at::Tensor folded_bias;                                   // in place of `bias`
};

/// The padding that a word stands for; none where it is not the same on both sides.
std::optional<std::vector<std::int64_t>> padding_of(const std::string& word, const at::Tensor& weight,
                                                    const Value* dilation) {
  std::vector<std::int64_t> padding(3, 0);
  if (word == "valid") return padding;
  const auto steps = torch::jit::constant_as<c10::List<std::int64_t>>(dilation);
  if (word != "same" || !steps || steps->size() != 3) return std::nullopt;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::int64_t both = steps->get(axis) * (weight.size(static_cast<std::int64_t>(axis) + 2) - 1);
    if (both % 2 != 0) return std::nullopt;
    padding[axis] = both / 2;
  }
  return padding;
}

std::optional<Convolution> read_convolution(Node* node) {
  if (!is_any_of(*node, {"_convolution", "convolution", "conv3d", "conv_transpose3d"})) return std::nullopt;
  Convolution convolution;
  convolution.weight = constant_tensor(node->namedInput("weight"));
  const auto groups = torch::jit::constant_as<std::int64_t>(node->namedInput("groups"));
  const auto transposed = is_any_of(*node, {"_convolution", "convolution"})
                              ? constant_flag(node->namedInput("transposed"))
                              : std::optional(node->kind() == aten("conv_transpose3d"));
  if (!convolution.weight.defined() || convolution.weight.dim() != 5 || !groups || !transposed) return std::nullopt;
  convolution.groups = *groups;
  convolution.transposed = *transposed;
  convolution.input = node->namedInput("input");
  convolution.bias = node->namedInput("bias");
  convolution.stride = node->namedInput("stride");
  convolution.padding = node->namedInput("padding");
  convolution.dilation = node->namedInput("dilation");
  if (convolution.transposed) convolution.output_padding = node->namedInput("output_padding");
  if (convolution.padding->type()->kind() == c10::TypeKind::StringType) {
    const auto word = torch::jit::constant_as<std::string>(convolution.padding);
    if (word) convolution.worded_padding = padding_of(*word, convolution.weight, convolution.dilation);
    if (!convolution.worded_padding) return std::nullopt;
  }
  return convolution;
}

/// Folds a batch norm that follows into the weights; false if it is none, or one that cannot be folded.
bool fold_batch_norm(const Node* norm, Convolution& convolution) {
  if (norm->kind() != aten("batch_norm")) return false;
  const at::Tensor mean = constant_tensor(norm->namedInput("running_mean"));
  const at::Tensor variance = constant_tensor(norm->namedInput("running_var"));
  const at::Tensor gain = constant_tensor(norm->namedInput("weight"));
  const at::Tensor offset = constant_tensor(norm->namedInput("bias"));
  const at::Tensor bias = constant_tensor(convolution.bias);
  const auto epsilon = torch::jit::constant_as<double>(norm->namedInput("eps"));
  const bool known =
      mean.defined() && variance.defined() && epsilon && constant_flag(norm->namedInput("training")) == false &&
      (gain.defined() || is_none(norm->namedInput("weight"))) &&
      (offset.defined() || is_none(norm->namedInput("bias"))) && (bias.defined() || is_none(convolution.bias));
  // With groups a transposed weight's second axis holds a group's channels, not all.
  if (!known || (convolution.transposed && convolution.groups != 1)) return false;

  at::Tensor scale = (variance.to(at::kDouble) + *epsilon).rsqrt();
  if (gain.defined()) scale = scale * gain;
  at::Tensor shift = -mean * scale;
  if (bias.defined()) shift = shift + bias * scale;
  if (offset.defined()) shift = shift + offset;
  std::vector<std::int64_t> along_channels(5, 1);
  along_channels[convolution.transposed ? 1 : 0] = scale.numel();
  convolution.weight = (convolution.weight * scale.view(along_channels)).to(at::kFloat);
  convolution.folded_bias = shift.to(at::kFloat);
  return true;
}

/// An activation as oneDNN's operator names it.
struct Activation {
  std::string name = "none";
  std::optional<double> slope;
};

std::optional<Activation> read_activation(const Node* node) {
  if (is_any_of(*node, {"relu", "relu_"})) return Activation{"relu", std::nullopt};
  if (is_any_of(*node, {"leaky_relu", "leaky_relu_"})) {
    const std::optional<IValue> slope = torch::jit::toIValue(node->namedInput("negative_slope"));
    if (slope && slope->isScalar()) return Activation{"leaky_relu", slope->toScalar().toDouble()};
  }
  if (is_any_of(*node, {"prelu"})) {
    const at::Tensor slope = constant_tensor(node->namedInput("weight"));
    if (slope.defined() && slope.numel() == 1) return Activation{"leaky_relu", slope.item<float>()};
  }
  return std::nullopt;
}

/// A copy whose strides say channels last even where an axis of size 1 leaves them open: the operator goes by them.
at::Tensor channels_last(const at::Tensor& weight) {
  return at::empty(weight.sizes(), weight.options().memory_format(at::MemoryFormat::ChannelsLast3d)).copy_(weight);
}

/// Puts oneDNN's operator at the graph's insert point.
Value* insert_onednn(Graph& graph, const Convolution& convolution, const Activation& activation) {
  std::vector<torch::jit::NamedValue> inputs{convolution.input};
  inputs.emplace_back(graph.insertConstant(channels_last(convolution.weight)));
  inputs.emplace_back(convolution.folded_bias.defined() ? graph.insertConstant(convolution.folded_bias)
                                                        : convolution.bias);
  inputs.emplace_back(convolution.worded_padding ? graph.insertConstant(*convolution.worded_padding)
                                                 : convolution.padding);
  if (convolution.transposed) inputs.emplace_back(convolution.output_padding);
  inputs.emplace_back(convolution.stride);
  inputs.emplace_back(convolution.dilation);
  inputs.emplace_back(graph.insertConstant(convolution.groups));
  inputs.emplace_back(graph.insertConstant(activation.name));
  c10::List<std::optional<at::Scalar>> scalars;
  if (activation.slope) scalars.push_back(at::Scalar(*activation.slope));
  inputs.emplace_back(graph.insertConstant(IValue(scalars)));
  inputs.emplace_back(graph.insertConstant(IValue()));
  return graph.insert(Symbol::fromQualString(convolution.transposed ? "mkldnn::_convolution_transpose_pointwise"
                                                                    : "mkldnn::_convolution_pointwise"),
                      inputs);
}

void replace(Node* node, RewriteCounts& counts) {
  std::optional<Convolution> convolution = read_convolution(node);
  if (!convolution) return;
  std::vector<Node*> replaced{node};
  if (Node* next = sole_user(replaced.back()); next && fold_batch_norm(next, *convolution)) {
    replaced.push_back(next);
    ++counts.batch_norms;
  }
  Activation activation;
  if (Node* next = sole_user(replaced.back()))
    if (const auto known = read_activation(next)) {
      activation = *known;
      replaced.push_back(next);
      ++counts.activations;
    }
  const torch::jit::WithInsertPoint here(node);
  replaced.back()->output()->replaceAllUsesWith(insert_onednn(*node->owningGraph(), *convolution, activation));
  while (!replaced.empty()) {
    replaced.back()->destroy();
    replaced.pop_back();
  }
  ++counts.convolutions;
}

/// Lets everything use what `convert` makes of the network's input, the graph's second: the first is the module.
template <class Convert>
void convert_input(Graph& graph, const Convert& convert) {
  if (graph.inputs().size() != 2) return;
  const torch::jit::WithInsertPoint start(*graph.nodes().begin());
  Value* input = graph.inputs()[1];
  Value* converted = convert(input);
  input->replaceAllUsesAfterNodeWith(converted->node(), converted);
}

bool is_only_used_by_norms(const Node* constant) {
  const auto& uses = constant->output()->uses();
  return std::all_of(uses.begin(), uses.end(), [](const torch::jit::Use& use) {
    return is_any_of(*use.user, {"batch_norm", "instance_norm", "layer_norm", "group_norm"});
  });
}

}  // namespace

RewriteCounts rewrite_for_onednn(std::shared_ptr<Graph>& graph) {
  torch::jit::Inline(*graph);
  torch::jit::ConstantPropagation(graph);
  RewriteCounts counts;
  std::vector<Node*> nodes;
  visit_nodes(graph->block(), [&](Node* node) { nodes.push_back(node); });
  std::erase_if(nodes, [](Node* node) { return !read_convolution(node); });
  for (Node* node : nodes) replace(node, counts);
  if (counts.convolutions > 0)
    convert_input(*graph, [&](Value* input) {
      const torch::jit::NamedValue order("memory_format", static_cast<std::int64_t>(at::MemoryFormat::ChannelsLast3d));
      return graph->insert(aten("contiguous"), {input}, {order});
    });
  torch::jit::EliminateDeadCode(graph);
  return counts;
}

void convert_to_bf16(std::shared_ptr<Graph>& graph) {
  torch::jit::Inline(*graph);
  visit_nodes(graph->block(), [](Node* node) {
    if (node->kind() != torch::jit::prim::Constant || node->output()->uses().empty()) return;
    const at::Tensor value = constant_tensor(node->output());
    if (value.defined() && value.dim() > 0 && !is_only_used_by_norms(node))
      node->t_(torch::jit::attr::value, value.to(at::kBFloat16));
  });
  convert_input(*graph, [&](Value* input) {
    return graph->insert(aten("to"), {input, static_cast<std::int64_t>(at::kBFloat16), false, false, IValue()});
  });
}

}  // namespace voxd
