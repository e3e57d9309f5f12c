#include <tuple>

#include "gpu_transforms/labels.h"
#include "tests/bench/bench_case.h"

namespace voxd::bench {
namespace {

DeviceVolume labels_of(const Inputs& in, Workspace& w) { return argmax(in[0], w); }

void add_discrete(const std::string& what, const std::function<HostVolume()>& input, const AsDiscrete& params,
                  Json json, Cases& cases) {
  cases.push_back({.name = what,
                   .inputs = {input},
                   .run = [params](const Inputs& in, Workspace& w) { return as_discrete(in[0], params, w); },
                   .peer = alone("AsDiscrete", std::move(json))});
}

void add_discrete(const Sizes& sizes, Cases& cases) {
  constexpr int classes = 14;
  const std::string at = to_string(sizes.net);
  const auto values = [net = sizes.net] { return noise(2, net); };
  AsDiscrete threshold, rounding, onehot;
  threshold.threshold = 0.5;
  rounding.rounding = true;
  onehot.to_onehot = classes;
  add_discrete(words({"threshold 2 x", at}), values, threshold, {{"threshold", 0.5}}, cases);
  add_discrete(words({"rounding 2 x", at}), values, rounding, {{"rounding", "torchrounding"}}, cases);
  add_discrete(
      words({"one-hot of", std::to_string(classes), "classes", at}),
      [net = sizes.net] { return any_labels(net, classes); }, onehot, {{"to_onehot", classes}}, cases);
}

void add_components(const Sizes& sizes, Cases& cases) {
  KeepLargestConnectedComponent one;
  one.applied_labels = {1};
  const auto keep = [one](const Inputs& in, Workspace& w) { return keep_largest_connected_component(in[0], one, w); };
  const Json keep_json = alone("KeepLargestConnectedComponent", {{"applied_labels", {1}}});
  const auto mask = [net = sizes.net] { return organ(net); };
  cases.push_back({.name = words({"keep largest component of an organ", to_string(sizes.net)}),
                   .inputs = {mask},
                   .run = keep,
                   .peer = keep_json,
                   .target = 100,
                   .bound_by_memory = false});
  cases.push_back({.name = words({"keep largest component of an organ with 2 % turned over", to_string(sizes.mask)}),
                   .inputs = {[size = sizes.mask] { return peppered(organ(size)); }},
                   .run = keep,
                   .peer = keep_json,
                   .target = 10,
                   .bound_by_memory = false});
  cases.push_back({.name = words({"keep largest component of 10 % noise", to_string(sizes.mask)}),
                   .inputs = {[size = sizes.mask] { return speckled(size); }},
                   .run = keep,
                   .peer = keep_json,
                   .target = 10,
                   .bound_by_memory = false});
  cases.push_back({.name = words({"keep largest component of each of 4 labels", to_string(sizes.net)}),
                   .inputs = {[net = sizes.net] { return organs(net, 4); }},
                   .run = [](const Inputs& in, Workspace& w) { return keep_largest_connected_component(in[0], {}, w); },
                   .peer = alone("KeepLargestConnectedComponent"),
                   .bound_by_memory = false});
}

void add_objects(const Sizes& sizes, Cases& cases) {
  const Json holes_json = alone("FillHoles", {{"applied_labels", {1}}}), small_json = alone("RemoveSmallObjects");
  const auto filled = [](const Inputs& in, Workspace& w) {
    FillHoles params;
    params.applied_labels = {1};
    return fill_holes(in[0], params, w);
  };
  const auto cleaned = [](const Inputs& in, Workspace& w) { return remove_small_objects(in[0], {}, w); };
  for (const auto& [what, data, size] :
       {std::tuple{"an organ", &organ, sizes.net}, std::tuple{"10 % noise", &speckled, sizes.net}}) {
    const auto labels = [data = data, size = size] { return data(size); };
    cases.push_back({.name = words({"fill holes of", what, to_string(size)}),
                     .inputs = {labels},
                     .run = filled,
                     .peer = holes_json,
                     .bound_by_memory = false});
    cases.push_back({.name = words({"remove small objects of", what, to_string(size)}),
                     .inputs = {labels},
                     .run = cleaned,
                     .peer = small_json,
                     .bound_by_memory = false});
  }
}

/// What Segment makes of a label map beside the chain's own results; MONAI has no word for it.
void add_extras(const Sizes& sizes, Cases& cases) {
  const auto labels = [net = sizes.net] { return organs(net, 4); };
  cases.push_back({.name = words({"boundary of each of 4 labels", to_string(sizes.net)}),
                   .inputs = {labels},
                   .run = [](const Inputs& in, Workspace& w) { return label_boundary(in[0], w); }});
  cases.push_back({.name = words({"count components of each of 4 labels", to_string(sizes.net)}),
                   .inputs = {labels},
                   .run =
                       [](const Inputs& in, Workspace& w) {
                         count_components(in[0], w);
                         return in[0];
                       },
                   .bound_by_memory = false});
}

}  // namespace

void add_label_cases(const Sizes& sizes, Cases& cases) {
  const Json argmax_json = {{"argmax", true}};
  for (const int classes : {2, 14}) {
    const std::string name = words({"argmax", std::to_string(classes), "x", to_string(sizes.net)});
    const auto logits = [classes, net = sizes.net] { return noise(classes, net); };
    cases.push_back({.name = name,
                     .inputs = {logits},
                     .run = labels_of,
                     .peer = alone("AsDiscrete", argmax_json),
                     .target = classes == 2 ? 100.0 : 25.0});
    cases.push_back({.name = words({name, "(MONAI: channels last)"}),
                     .inputs = {logits},
                     .run = labels_of,
                     .peer = alone("AsDiscrete", argmax_json),
                     .peer_input = {{"layout", "channels_last"}},
                     .target = 10});
  }
  for (const int classes : {2, 14})
    cases.push_back({.name = words({"softmax", std::to_string(classes), "x", to_string(sizes.net)}),
                     .inputs = {[classes, net = sizes.net] { return noise(classes, net); }},
                     .run = [](const Inputs& in,
                               Workspace& w) { return activations(in[0], {.sigmoid = false, .softmax = true}, w); },
                     .peer = alone("Activations", {{"softmax", true}})});
  cases.push_back(
      {.name = words({"sigmoid 2 x", to_string(sizes.net)}),
       .inputs = {[net = sizes.net] { return noise(2, net); }},
       .run = [](const Inputs& in, Workspace& w) { return activations(in[0], {.sigmoid = true, .softmax = false}, w); },
       .peer = alone("Activations", {{"sigmoid", true}})});
  add_discrete(sizes, cases);
  add_components(sizes, cases);
  add_objects(sizes, cases);
  add_extras(sizes, cases);
  const auto mask = [net = sizes.net] { return organ(net); };
  const auto contour = [](const Inputs& in, Workspace& w) { return label_to_contour(in[0], w); };
  cases.push_back({.name = words({"contour of u8 organ", to_string(sizes.net)}),
                   .inputs = {mask},
                   .run = contour,
                   .peer = alone("LabelToContour"),
                   .target = 300});
  cases.push_back({.name = words({"contour of f32 noise", to_string(sizes.net)}),
                   .inputs = {[net = sizes.net] { return noise(1, net); }},
                   .run = contour,
                   .peer = alone("LabelToContour")});
}

}  // namespace voxd::bench
