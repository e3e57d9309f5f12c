#include "gpu_transforms/fused.h"
#include "gpu_transforms/labels.h"
#include "tests/bench/bench_case.h"

namespace voxd::bench {
namespace {

const ScaleIntensityRange kWindow{.a_min = -57, .a_max = 164, .b_min = 0.0, .b_max = 1.0, .clip = true};

Json pre_json(DType dtype, const Int3& net) {
  return chain_for(dtype, {link("ScaleIntensityRange",
                                {{"a_min", -57}, {"a_max", 164}, {"b_min", 0.0}, {"b_max", 1.0}, {"clip", true}}),
                           link("CropForeground"), link("Resize", {{"spatial_size", list(net)}, {"mode", "area"}})});
}

Json post_json() {
  return {link("AsDiscrete", {{"argmax", true}}), link("KeepLargestConnectedComponent", {{"applied_labels", {1}}}),
          link("LabelToContour")};
}

DeviceVolume pre(const DeviceVolume& image, const Int3& net, Form form, Workspace& w) {
  if (form == Form::fused) {
    const Box box = scaled_foreground_box(image, kWindow, {}, w);
    return scale_crop_resize_area(image, kWindow, box, 0, net, w);
  }
  Resize to_net;
  to_net.spatial_size = {net[0], net[1], net[2]};
  DeviceVolume volume = scale_intensity_range(image, kWindow, w);
  volume = crop(volume, foreground_box(volume, {}, w), 0, w);
  return resize(volume, to_net, w);
}

/// There is nothing to fuse in these.
DeviceVolume post(const DeviceVolume& logits, Workspace& w) {
  AsDiscrete labels;
  labels.argmax = true;
  KeepLargestConnectedComponent one;
  one.applied_labels = {1};
  DeviceVolume volume = as_discrete(logits, labels, w);
  volume = keep_largest_connected_component(volume, one, w);
  return label_to_contour(volume, w);
}

}  // namespace

void add_chain_cases(const Sizes& sizes, Cases& cases) {
  const Int3 ct = sizes.ct, net = sizes.net;
  for (const DType dtype : {DType::i16, DType::f32})
    for (const Form form : kForms) {
      const auto image = [dtype, ct] { return body(dtype, ct); };
      const auto logits = [net] { return organ_logits(net); };
      const std::string of = words({name_of(dtype), to_string(ct), "->", to_string(net), name_of(form)});
      cases.push_back({.name = words({"scale & box & crop & area", of}),
                       .inputs = {image},
                       .run = [net, form](const Inputs& in, Workspace& w) { return pre(in[0], net, form, w); },
                       .peer = Json::array({pre_json(dtype, net)})});
      cases.push_back({.name = words({"reference chain without the network", of}),
                       .inputs = {image, logits},
                       .run =
                           [net, form](const Inputs& in, Workspace& w) {
                             const DeviceVolume input = pre(in[0], net, form, w);
                             return post(in[1], w);
                           },
                       .peer = Json::array({pre_json(dtype, net), post_json()}),
                       .target = 25,
                       .bound_by_memory = false});
    }
}

}  // namespace voxd::bench
