#include "gpu_transforms/argmax_on_grid.h"
#include "gpu_transforms/intensity.h"
#include "gpu_transforms/invert.h"
#include "gpu_transforms/labels.h"
#include "gpu_transforms/spacing.h"
#include "tests/bench/bench_case.h"

// The chain of MONAI's spleen_ct_segmentation bundle around its network, which is left out.
namespace voxd::bench {
namespace {

constexpr std::int32_t kClasses = 2, kBatch = 4;
const ScaleIntensityRange kWindow{.a_min = -57, .a_max = 164, .b_min = 0.0, .b_max = 1.0, .clip = true};

SlidingWindows windows_of(std::int32_t roi) {
  SlidingWindows params;
  params.roi_size = {roi};
  params.sw_batch_size = kBatch;
  params.overlap = {0.5};
  return params;
}

Spacing spacing_of_bundle() {
  Spacing params;
  params.pixdim = {1.5, 1.5, 2.0};
  return params;
}

DeviceVolume run_bundle(const DeviceVolume& image, const DeviceVolume& answers, std::int32_t roi, Form form,
                        Workspace& w) {
  SpatialTrace trace = {AppliedOrientation{image.geometry()}};
  DeviceVolume volume = orientation(image, "RAS", w);
  const Geometry before = volume.geometry();
  volume = spacing(volume, spacing_of_bundle(), w);
  trace.push_back(AppliedSpacing{before, volume.geometry(), spacing_of_bundle().resampling});
  volume = scale_intensity_range(volume, kWindow, w);
  volume = blend_windows(volume, windows_of(roi), answer_with(answers, kClasses), w);
  volume = activations(volume, {.sigmoid = false, .softmax = true}, w);
  if (form == Form::fused) return argmax_on_grid(volume, trace, false, w);
  AsDiscrete labels;
  labels.argmax = true;
  volume = invert(volume, trace, false, w);
  return as_discrete(volume, labels, w);
}

}  // namespace

void add_bundle_cases(const Sizes& sizes, Cases& cases) {
  const Int3 ct = sizes.ct, roi = {sizes.window, sizes.window, sizes.window};
  const Int3 between = spaced({ct, kSupine}, spacing_of_bundle()).size;
  const Json bundle = link(
      "spleen_bundle", {{"roi_size", list(roi)}, {"sw_batch_size", kBatch}, {"overlap", 0.5}, {"channels", kClasses}});
  for (const DType dtype : {DType::i16, DType::f32})
    for (const Form form : kForms)
      cases.push_back({.name = words({"spleen bundle without the network", name_of(dtype), to_string(ct), "->",
                                      to_string(between), "->", to_string(ct), name_of(form)}),
                       .inputs = {[=] { return placed(body(dtype, ct), kSupine); },
                                  [roi] { return noise(kBatch * kClasses, roi); }},
                       .run = [n = sizes.window, form](const Inputs& in,
                                                       Workspace& w) { return run_bundle(in[0], in[1], n, form, w); },
                       .peer = Json::array({chain_for(dtype, Json::array({bundle}))}),
                       .peer_input = {{"affine", Json(kSupine)}},
                       .target = 30,
                       .bound_by_memory = false});
}

}  // namespace voxd::bench
