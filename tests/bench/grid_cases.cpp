#include "gpu_transforms/argmax_on_grid.h"
#include "gpu_transforms/invert.h"
#include "gpu_transforms/labels.h"
#include "gpu_transforms/spacing.h"
#include "tests/bench/bench_case.h"

namespace voxd::bench {
namespace {

/// The grid that MONAI's spleen bundle puts it on.
Spacing to_network(GridMode mode) {
  Spacing params;
  params.pixdim = {1.5, 1.5, 2.0};
  params.resampling.mode = mode;
  return params;
}

Json json_of(const Affine& affine) { return Json(affine); }

void add_spacing(const std::string& what, DType dtype, const Int3& size, const Affine& affine, GridMode mode,
                 double target, Cases& cases) {
  const Spacing params = to_network(mode);
  const Int3 to = spaced({size, affine}, params).size;
  cases.push_back({.name = words({what, name_of(dtype), to_string(size), "->", to_string(to)}),
                   .inputs = {[=] { return placed(body(dtype, size), affine); }},
                   .run = [params](const Inputs& in, Workspace& w) { return spacing(in[0], params, w); },
                   .peer = Json::array({chain_for(
                       dtype, Json::array({link("Spacing", {{"pixdim", params.pixdim}, {"mode", name_of(mode)}})}))}),
                   .peer_input = {{"affine", json_of(affine)}},
                   .target = target});
}

DeviceVolume undone(const DeviceVolume& scores, const AppliedSpacing& step, Form form, Workspace& w) {
  if (form == Form::fused) return argmax_on_grid(scores, {step}, false, w);
  AsDiscrete labels;
  labels.argmax = true;
  return as_discrete(invert(scores, {step}, false, w), labels, w);
}

void add_undo(const std::string& what, std::int32_t channels, const Int3& size, const Affine& affine, double target,
              Cases& cases) {
  const Geometry image = {size, affine};
  const AppliedSpacing step = {image, spaced(image, to_network(GridMode::bilinear)), {}};
  const Json back = link("SpatialResampleTo", {{"affine", json_of(affine)}, {"size", list(size)}});
  for (const Form form : kForms)
    cases.push_back({.name = words({what, std::to_string(channels), "x", to_string(step.after.size), "->",
                                    to_string(size), name_of(form)}),
                     .inputs = {[=] { return placed(noise(channels, step.after.size), step.after.affine); }},
                     .run = [step, form](const Inputs& in, Workspace& w) { return undone(in[0], step, form, w); },
                     .peer = Json::array({Json::array({back, link("AsDiscrete", {{"argmax", true}})})}),
                     .peer_input = {{"affine", json_of(step.after.affine)}},
                     .target = target});
}

/// Labels back on the image's grid, as Invertd with nearest_interp takes them.
void add_labels_back(const Int3& size, const Affine& affine, Cases& cases) {
  const Geometry image = {size, affine};
  const AppliedSpacing step = {image, spaced(image, to_network(GridMode::bilinear)), {}};
  const Json back =
      alone("SpatialResampleTo", {{"affine", json_of(affine)}, {"size", list(size)}, {"mode", "nearest"}});
  cases.push_back(
      {.name = words({"undo spacing of labels by nearest", to_string(step.after.size), "->", to_string(size)}),
       .inputs = {[=] { return placed(organ(step.after.size), step.after.affine); }},
       .run = [step](const Inputs& in, Workspace& w) { return invert(in[0], {step}, true, w); },
       .peer = back,
       .peer_input = {{"affine", json_of(step.after.affine)}}});
}

}  // namespace

void add_grid_cases(const Sizes& sizes, Cases& cases) {
  add_spacing("spacing", DType::f32, sizes.ct, kStraight, GridMode::bilinear, 80, cases);
  add_spacing("spacing", DType::i16, sizes.ct, kStraight, GridMode::bilinear, 80, cases);
  add_spacing("spacing nearest", DType::f32, sizes.ct, kStraight, GridMode::nearest, 0, cases);
  add_spacing("spacing at an angle", DType::f32, sizes.ct, kOblique, GridMode::bilinear, 0, cases);
  add_undo("undo spacing and argmax", 2, sizes.ct, kStraight, 80, cases);
  add_undo("undo spacing and argmax", 14, sizes.ct, kStraight, 0, cases);
  add_undo("undo spacing at an angle and argmax", 2, sizes.ct, kOblique, 0, cases);
  add_labels_back(sizes.ct, kStraight, cases);
}

}  // namespace voxd::bench
