#include "gpu_transforms/labels.h"
#include "gpu_transforms/windows.h"
#include "tests/bench/bench_case.h"

namespace voxd::bench {
namespace {

constexpr std::int32_t kClasses = 2, kBatch = 4;

SlidingWindows windows_of(const Sizes& sizes, WindowMode mode) {
  SlidingWindows params;
  params.roi_size = {sizes.window};
  params.sw_batch_size = kBatch;
  params.overlap = {0.5};
  params.mode = mode;
  return params;
}

/// What is read and written: an image's voxel and a window's for each voxel of a window; then, for each class, the
/// prediction, and the sum before and after.
double window_bytes(const Sizes& sizes) {
  const double voxels =
      static_cast<double>(window_grid(sizes.spaced, windows_of(sizes, WindowMode::constant)).count()) * sizes.window *
      sizes.window * sizes.window;
  return sizeof(float) * voxels * (2 + 3 * kClasses);
}

DeviceVolume labels_of(const Inputs& in, const SlidingWindows& params, Form form, Workspace& w) {
  const WindowPredictor network = answer_with(in[1], kClasses);
  if (form == Form::fused) return label_windows(in[0], params, network, w);
  AsDiscrete labels;
  labels.argmax = true;
  return as_discrete(blend_windows(in[0], params, network, w), labels, w);
}

}  // namespace

void add_window_cases(const Sizes& sizes, Cases& cases) {
  const Int3 image = sizes.spaced, roi = {sizes.window, sizes.window, sizes.window};
  const std::string count = std::to_string(window_grid(image, windows_of(sizes, WindowMode::constant)).count());
  const std::vector<std::function<HostVolume()>> inputs = {[image] { return noise(1, image); },
                                                           [roi] { return noise(kBatch * kClasses, roi); }};
  for (const WindowMode mode : {WindowMode::constant, WindowMode::gaussian}) {
    const SlidingWindows params = windows_of(sizes, mode);
    const char* name = mode == WindowMode::constant ? "constant" : "gaussian";
    const Json blended = link(
        "blend_windows",
        {{"roi_size", list(roi)}, {"sw_batch_size", kBatch}, {"overlap", 0.5}, {"mode", name}, {"channels", kClasses}});
    const std::string what = words({count, "windows", to_string(roi), name, "of", to_string(image)});
    cases.push_back(
        {.name = words({"gather & blend", what}),
         .inputs = inputs,
         .run = [params](const Inputs& in,
                         Workspace& w) { return blend_windows(in[0], params, answer_with(in[1], kClasses), w); },
         .peer = Json::array({Json::array({blended})}),
         .target = 30,
         .bytes = window_bytes(sizes)});
    for (const Form form : kForms)
      cases.push_back({.name = words({"gather & blend & argmax", what, name_of(form)}),
                       .inputs = inputs,
                       .run = [params, form](const Inputs& in, Workspace& w) { return labels_of(in, params, form, w); },
                       .peer = Json::array({Json::array({blended, link("AsDiscrete", {{"argmax", true}})})}),
                       .bytes = window_bytes(sizes)});
  }
}

}  // namespace voxd::bench
