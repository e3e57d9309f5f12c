#include "gpu_transforms/fused.h"
#include "gpu_transforms/labels.h"
#include "tests/bench/bench_case.h"

namespace voxd::bench {
namespace {

const ScaleIntensityRange kWindow{.a_min = -57, .a_max = 164, .b_min = 0.0, .b_max = 1.0, .clip = true};

Json pre_json(const Int3& net) {
  return {link("ScaleIntensityRange", {{"a_min", -57}, {"a_max", 164}, {"b_min", 0.0}, {"b_max", 1.0}, {"clip", true}}),
          link("CropForeground"), link("Resize", {{"spatial_size", list(net)}, {"mode", "area"}})};
}

Json post_json() {
  return {link("AsDiscrete", {{"argmax", true}}), link("KeepLargestConnectedComponent", {{"applied_labels", {1}}}),
          link("LabelToContour")};
}

DeviceVolume pre(const DeviceVolume& image, const Int3& net, Workspace& w) {
  const Box box = scaled_foreground_box(image, kWindow, {}, w);
  return scale_crop_resize_area(image, kWindow, box, 0, net, w);
}

DeviceVolume pre_one_by_one(const DeviceVolume& image, const Int3& net, Workspace& w) {
  const DeviceVolume scaled = scale_intensity_range(image, kWindow, w);
  Resize to_net;
  to_net.spatial_size = {net[0], net[1], net[2]};
  return resize(crop(scaled, foreground_box(scaled, {}, w), 0, w), to_net, w);
}

DeviceVolume post(const DeviceVolume& logits, Workspace& w) {
  KeepLargestConnectedComponent one;
  one.applied_labels = {1};
  return label_to_contour(keep_largest_connected_component(argmax(logits, w), one, w), w);
}

}  // namespace

void add_chain_cases(const Sizes& sizes, Cases& cases) {
  const Int3 ct = sizes.ct, net = sizes.net;
  const std::string at = words({to_string(ct), "->", to_string(net)});
  for (const DType dtype : {DType::i16, DType::f32}) {
    const auto image = [dtype, ct] { return body(dtype, ct); };
    const auto logits = [net] { return organ_logits(net); };
    const std::string of = words({name_of(dtype), at});
    cases.push_back({.name = words({"scale & box & crop & area at once", of}),
                     .inputs = {image},
                     .run = [net](const Inputs& in, Workspace& w) { return pre(in[0], net, w); },
                     .peer = Json::array({pre_json(net)})});
    cases.push_back({.name = words({"scale & box & crop & area one by one", of}),
                     .inputs = {image},
                     .run = [net](const Inputs& in, Workspace& w) { return pre_one_by_one(in[0], net, w); },
                     .peer = Json::array({pre_json(net)})});
    cases.push_back({.name = words({"reference chain without the network", of}),
                     .inputs = {image, logits},
                     .run =
                         [net](const Inputs& in, Workspace& w) {
                           const DeviceVolume input = pre(in[0], net, w);
                           return post(in[1], w);
                         },
                     .peer = Json::array({pre_json(net), post_json()}),
                     .target = 25,
                     .bound_by_memory = false});
  }
}

}  // namespace voxd::bench
