#include "gpu_transforms/labels.h"
#include "tests/bench/bench_case.h"

namespace voxd::bench {
namespace {

DeviceVolume labels_of(const Inputs& in, Workspace& w) { return argmax(in[0], w); }

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
  KeepLargestConnectedComponent one;
  one.applied_labels = {1};
  const auto keep = [one](const Inputs& in, Workspace& w) { return keep_largest_connected_component(in[0], one, w); };
  const Json keep_json = alone("KeepLargestConnectedComponent", {{"applied_labels", {1}}});
  const auto mask = [net = sizes.net] { return organ(net); };
  cases.push_back({.name = words({"keep largest component, organ", to_string(sizes.net)}),
                   .inputs = {mask},
                   .run = keep,
                   .peer = keep_json,
                   .target = 100,
                   .bound_by_memory = false});
  cases.push_back({.name = words({"keep largest component, 10 % noise", to_string(sizes.mask)}),
                   .inputs = {[size = sizes.mask] { return speckled(size); }},
                   .run = keep,
                   .peer = keep_json,
                   .target = 10,
                   .bound_by_memory = false});
  const auto contour = [](const Inputs& in, Workspace& w) { return label_to_contour(in[0], w); };
  cases.push_back({.name = words({"contour u8", to_string(sizes.net)}),
                   .inputs = {mask},
                   .run = contour,
                   .peer = alone("LabelToContour"),
                   .target = 300});
  cases.push_back({.name = words({"contour f32, no mask,", to_string(sizes.net)}),
                   .inputs = {[net = sizes.net] { return noise(1, net); }},
                   .run = contour,
                   .peer = alone("LabelToContour")});
}

}  // namespace voxd::bench
