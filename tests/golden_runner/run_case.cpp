#include <fstream>
#include <list>
#include <span>

#include "gpu_transforms/intensity.h"
#include "gpu_transforms/labels.h"
#include "gpu_transforms/spatial.h"
#include "models/step_params.h"
#include "server/decode/nifti.h"
#include "tests/golden_runner/golden_case.h"

namespace voxd::golden {
namespace {

using Json = nlohmann::json;

/// One case while it runs.
class Run {
 public:
  Run(const Case& golden, const std::filesystem::path& folder, Workspace& workspace)
      : case_(golden), folder_(folder), workspace_(workspace) {}

  Workspace& workspace() { return workspace_; }

  /// The case's parameters as those of transform T.
  template <class T>
  T params() const {
    return params_from<T>(case_.params());
  }
  template <class T>
  T params_from(const Json& json) const {
    return params_from_json<T>(json.dump(), case_.id);
  }

  DeviceVolume input(const char* name = "input") {
    return upload_array(case_.entry.at(name), affine_of(case_.entry.at(name)));
  }
  DeviceVolume input_on(const char* name, const Affine& affine) { return upload_array(case_.entry.at(name), affine); }
  std::filesystem::path input_file() const { return folder_ / case_.entry.at("input").at("file").get<std::string>(); }

  void put(const std::string& name, const DeviceVolume& volume) {
    HostVolume host = download(volume, workspace_);
    workspace_.stream().synchronize();
    results_[name] = {test::to_npy(host), volume.geometry().affine};
  }
  void put(const std::string& name, const Int3& values) {
    Result result{test::make_npy(DType::i32, {3})};
    std::copy(values.begin(), values.end(), result.array.as<std::int32_t>().begin());
    results_[name] = std::move(result);
  }
  void put(const std::string& name, test::NpyArray array, const Affine& affine) {
    results_[name] = {std::move(array), affine};
  }

  const Case& golden() const { return case_; }
  Results results() && { return std::move(results_); }

 private:
  DeviceVolume upload_array(const Json& entry, const Affine& affine) {
    test::NpyArray array = read_array(folder_, entry);
    if (array.shape.size() != 4) fail(Code::unimplemented, "images of ", array.shape.size() - 1, " dimensions");
    inputs_.push_back(test::to_volume(std::move(array), affine));
    return upload(inputs_.back(), workspace_);
  }

  const Case& case_;
  const std::filesystem::path& folder_;
  Workspace& workspace_;
  std::list<HostVolume> inputs_;  // an upload needs them until the stream has passed it
  Results results_;
};

DeviceVolume apply(const ScaleIntensityRange& params, const DeviceVolume& volume, Workspace& workspace) {
  return scale_intensity_range(volume, params, workspace);
}
DeviceVolume apply(const ScaleIntensityRangePercentiles& params, const DeviceVolume& volume, Workspace& workspace) {
  return scale_intensity_range_percentiles(volume, params, workspace);
}
DeviceVolume apply(const NormalizeIntensity& params, const DeviceVolume& volume, Workspace& workspace) {
  return normalize_intensity(volume, params, workspace);
}
DeviceVolume apply(const Resize& params, const DeviceVolume& volume, Workspace& workspace) {
  return resize(volume, params, workspace);
}
DeviceVolume apply(const OrientationParams& params, const DeviceVolume& volume, Workspace& workspace) {
  return orientation(volume, params.axcodes, workspace);
}
DeviceVolume apply(const AsDiscreteParams&, const DeviceVolume& volume, Workspace& workspace) {
  return argmax(volume, workspace);
}
DeviceVolume apply(const KeepLargestConnectedComponent& params, const DeviceVolume& volume, Workspace& workspace) {
  return keep_largest_connected_component(volume, params, workspace);
}
DeviceVolume apply(const LabelToContourParams&, const DeviceVolume& volume, Workspace& workspace) {
  return label_to_contour(volume, workspace);
}

/// A transform with one input and one output.
template <class Params>
void unary(Run& run) {
  run.put("output", apply(run.params<Params>(), run.input(), run.workspace()));
}

void crop_foreground(Run& run) {
  const auto params = run.params<CropForeground>();
  const DeviceVolume volume = run.input();
  const Box box = foreground_box(volume, params, run.workspace());
  run.put("output", crop(volume, box, params.value, run.workspace()));
  run.put("box_start", box.start);
  run.put("box_end", box.end);
}

DeviceVolume crop_to_foreground(const DeviceVolume& volume, const CropForeground& params, SpatialTrace& trace,
                                Workspace& workspace) {
  const Box box = foreground_box(volume, params, workspace);
  trace.push_back(AppliedCrop{volume.geometry(), box});
  return crop(volume, box, params.value, workspace);
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
  if (transform == "ScaleIntensityRange") return apply(run.params_from<ScaleIntensityRange>(link), volume, workspace);
  if (transform == "Orientation") {
    trace.push_back(AppliedOrientation{volume.geometry()});
    return apply(run.params_from<OrientationParams>(link), volume, workspace);
  }
  if (transform == "CropForeground")
    return crop_to_foreground(volume, run.params_from<CropForeground>(link), trace, workspace);
  if (transform == "Resize") {
    const auto params = run.params_from<Resize>(link);
    trace.push_back(AppliedResize{volume.geometry(), params});
    return apply(params, volume, workspace);
  }
  fail(Code::unimplemented, "transform ", transform, " in the chain");
}

void inverted(Run& run) {
  SpatialTrace trace;
  DeviceVolume volume = run.input();
  for (const Json& link : run.golden().params().at("chain"))
    volume = forward(run, link, volume, trace, run.workspace());
  run.put("forward", volume);
  const DeviceVolume prediction = run.input_on("pred", volume.geometry().affine);
  const DeviceVolume output = invert(prediction, trace, run.golden().params().at("nearest_interp"), run.workspace());
  run.put("output", output);
  run.put("argmax", argmax(output, run.workspace()));
}

/// The reference pipeline's pre-processing.
void seed_pre(Run& run) {
  SpatialTrace trace;
  const ScaleIntensityRange scaling{.a_min = -57, .a_max = 164, .b_min = 0.0, .b_max = 1.0, .clip = true};
  const DeviceVolume scaled = scale_intensity_range(to_float32(run.input(), run.workspace()), scaling, run.workspace());
  run.put("output",
          resize(crop_to_foreground(scaled, {}, trace, run.workspace()), run.params<Resize>(), run.workspace()));
}

/// And its post-processing.
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

const std::map<std::string, void (*)(Run&)>& runners() {
  static const std::map<std::string, void (*)(Run&)> known = {
      {"ScaleIntensityRange", unary<ScaleIntensityRange>},
      {"ScaleIntensityRangePercentiles", unary<ScaleIntensityRangePercentiles>},
      {"NormalizeIntensity", unary<NormalizeIntensity>},
      {"CropForeground", crop_foreground},
      {"CropForeground+Resize", crop_and_resize},
      {"Resize", unary<Resize>},
      {"Orientation", unary<OrientationParams>},
      {"AsDiscrete", unary<AsDiscreteParams>},
      {"KeepLargestConnectedComponent", unary<KeepLargestConnectedComponent>},
      {"LabelToContour", unary<LabelToContourParams>},
      {"Invert", inverted},
      {"seed_pre", seed_pre},
      {"seed_post", seed_post},
      {"LoadImage", load_image},
  };
  return known;
}

}  // namespace

Results run_case(const Case& golden, const std::filesystem::path& folder, Workspace& workspace) {
  const auto runner = runners().find(golden.transform);
  if (runner == runners().end()) fail(Code::unimplemented, "transform ", golden.transform);
  Run run(golden, folder, workspace);
  runner->second(run);
  return std::move(run).results();
}

}  // namespace voxd::golden
