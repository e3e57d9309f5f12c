#include <algorithm>
#include <fstream>
#include <span>

#include "gpu_transforms/argmax_on_grid.h"
#include "gpu_transforms/intensity.h"
#include "gpu_transforms/invert.h"
#include "gpu_transforms/labels.h"
#include "server/decode/nifti.h"
#include "tests/golden_runner/run.h"

namespace voxd::golden {
namespace {

DeviceVolume crop_to_foreground(const DeviceVolume& volume, const CropForeground& params, SpatialTrace& trace,
                                Workspace& workspace) {
  const Box box = foreground_box(volume, params, workspace);
  trace.push_back(AppliedCrop{volume.geometry(), box});
  return crop(volume, box, params.padding, workspace);
}

template <class P>
DeviceVolume padded(const DeviceVolume& volume, const P& params, SpatialTrace& trace, Workspace& workspace) {
  const Box box = padded_box(volume.size(), params);
  trace.push_back(AppliedPad{volume.geometry(), box});
  return crop(volume, box, params.padding, workspace);
}

void crop_and_resize(Run& run) {
  SpatialTrace trace;
  const DeviceVolume cropped = crop_to_foreground(run.input(), {}, trace, run.workspace());
  run.put("output", resize(cropped, run.params<Resize>(), run.workspace()));
}

/// One link of an Invert case's chain; what is to be undone goes into the trace.
DeviceVolume forward(const Run& run, Json link, const DeviceVolume& volume, SpatialTrace& trace, Workspace& workspace) {
  const std::string transform = link.at("transform");
  link.erase("transform");
  link.erase("source_key");  // the chain has one item
  if (transform == "ScaleIntensityRange")
    return scale_intensity_range(volume, run.params_from<ScaleIntensityRange>(link), workspace);
  if (transform == "Orientation") {
    trace.push_back(AppliedOrientation{volume.geometry()});
    return orientation(volume, run.params_from<OrientationParams>(link).axcodes, workspace);
  }
  if (transform == "CropForeground")
    return crop_to_foreground(volume, run.params_from<CropForeground>(link), trace, workspace);
  if (transform == "SpatialPad") return padded(volume, run.params_from<SpatialPad>(link), trace, workspace);
  if (transform == "DivisiblePad") return padded(volume, run.params_from<DivisiblePad>(link), trace, workspace);
  if (transform == "BorderPad") return padded(volume, run.params_from<BorderPad>(link), trace, workspace);
  if (transform == "Resize") {
    const auto params = run.params_from<Resize>(link);
    trace.push_back(AppliedResize{volume.geometry(), params});
    return resize(volume, params, workspace);
  }
  if (transform == "Spacing") {
    const auto params = run.params_from<Spacing>(link);
    const DeviceVolume result = spacing(volume, params, workspace);
    trace.push_back(AppliedSpacing{volume.geometry(), result.geometry(), params.resampling});
    return result;
  }
  fail(Code::unimplemented, "transform ", transform, " in the chain");
}

bool same_bytes(const DeviceVolume& a, const DeviceVolume& b, Workspace& workspace) {
  const HostVolume left = download(a, workspace), right = download(b, workspace);
  workspace.stream().synchronize();
  return left.dtype == right.dtype && std::ranges::equal(left.voxels.bytes(), right.voxels.bytes());
}

void inverted(Run& run) {
  SpatialTrace trace;
  DeviceVolume volume = run.input();
  for (const Json& link : run.golden().params().at("chain"))
    volume = forward(run, link, volume, trace, run.workspace());
  run.put("forward", volume);
  const DeviceVolume prediction = run.input_on("pred", volume.geometry().affine);
  const bool nearest = run.golden().params().at("nearest_interp");
  const DeviceVolume output = invert(prediction, trace, nearest, run.workspace());
  const DeviceVolume labels = argmax(output, run.workspace());
  run.put("output", output);
  run.put("argmax", labels);
  if (!same_bytes(labels, argmax_on_grid(prediction, trace, nearest, run.workspace()), run.workspace()))
    fail(Code::internal, "argmax_on_grid differs from the argmax of what is inverted");
}

/// Of the spleen, in Hounsfield units.
const ScaleIntensityRange kWindow{.a_min = -57, .a_max = 164, .b_min = 0.0, .b_max = 1.0, .clip = true};

/// The reference pipeline's pre-processing.
void seed_pre(Run& run) {
  SpatialTrace trace;
  const DeviceVolume scaled = scale_intensity_range(to_float32(run.input(), run.workspace()), kWindow, run.workspace());
  run.put("output",
          resize(crop_to_foreground(scaled, {}, trace, run.workspace()), run.params<Resize>(), run.workspace()));
}

/// The spleen bundle's pre-processing, with a coarser grid.
void bundle_pre(Run& run) {
  Json grid = run.golden().params();
  const auto axcodes = run.params_from<OrientationParams>({{"axcodes", grid.at("axcodes")}}).axcodes;
  grid.erase("axcodes");
  const DeviceVolume oriented = orientation(run.input(), axcodes, run.workspace());
  const DeviceVolume respaced = spacing(oriented, run.params_from<Spacing>(grid), run.workspace());
  run.put("output", scale_intensity_range(respaced, kWindow, run.workspace()));
}

/// The reference pipeline's post-processing.
void seed_post(Run& run) {
  const DeviceVolume labels = argmax(run.input(), run.workspace());
  KeepLargestConnectedComponent foreground;
  foreground.applied_labels = {1};
  const DeviceVolume kept = keep_largest_connected_component(labels, foreground, run.workspace());
  run.put("argmax", labels);
  run.put("output", kept);
  run.put("contour", label_to_contour(kept, run.workspace()));
}

void load_image(Run& run) {
  std::ifstream file(run.input_file(), std::ios::binary);
  if (!file) fail(Code::not_found, run.input_file().string(), ": cannot be opened");
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  const HostVolume decoded = decode_nifti(std::as_bytes(std::span(bytes)), allocate_host, {});
  const HostVolume host = download(to_float32(upload(decoded, run.workspace()), run.workspace()), run.workspace());
  run.workspace().stream().synchronize();
  test::NpyArray array = test::to_npy(host);
  array.shape.erase(array.shape.begin());  // LoadImage adds no channel
  run.put("output", std::move(array), host.geometry.affine);
}

}  // namespace

Runners chain_runners() {
  return {
      {"CropForeground+Resize", crop_and_resize},
      {"Invert", inverted},
      {"bundle_pre", bundle_pre},
      {"LoadImage", load_image},
      {"seed_post", seed_post},
      {"seed_pre", seed_pre},
  };
}

}  // namespace voxd::golden
