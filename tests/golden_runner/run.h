#pragma once

#include <algorithm>
#include <list>
#include <map>

#include "gpu_transforms/device_volume.h"
#include "models/steps/step_params.h"
#include "tests/golden_runner/golden_case.h"

namespace voxd::golden {

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
    return upload_array(read_array(folder_, case_.entry.at(name)), affine_of(case_.entry.at(name)));
  }
  DeviceVolume input_on(const char* name, const Affine& affine) {
    return upload_array(read_array(folder_, case_.entry.at(name)), affine);
  }
  /// Without the channel's.
  std::size_t input_dimensions() const { return case_.entry.at("input").at("shape").size() - 1; }
  /// A 2D image [C,X,Y] as the volume [C,X,Y,1], and the result of such a volume as an image again.
  DeviceVolume flat_input() {
    test::NpyArray array = read_array(folder_, case_.entry.at("input"));
    if (array.shape.size() != 3) fail(Code::internal, "not an image of two dimensions");
    array.shape.push_back(1);
    return upload_array(std::move(array), affine_of(case_.entry.at("input")));
  }
  void put_flat(const std::string& name, const DeviceVolume& volume) {
    put(name, volume);
    results_.at(name).array.shape.pop_back();
  }
  /// Keeps the volume until the case is over.
  DeviceVolume upload_kept(HostVolume volume) {
    inputs_.push_back(std::move(volume));
    return upload(inputs_.back(), workspace_);
  }
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
  DeviceVolume upload_array(test::NpyArray array, const Affine& affine) {
    if (array.shape.size() != 4) fail(Code::unimplemented, "images of ", array.shape.size() - 1, " dimensions");
    return upload_kept(test::to_volume(std::move(array), affine));
  }

  const Case& case_;
  const std::filesystem::path& folder_;
  Workspace& workspace_;
  std::list<HostVolume> inputs_;  // an upload needs them until the stream has passed it
  Results results_;
};

using Runners = std::map<std::string, void (*)(Run&)>;

/// What runs the cases of each family of transforms, by the transform's name.
Runners intensity_runners();
Runners spatial_runners();
Runners label_runners();
Runners chain_runners();
Runners window_runners();

}  // namespace voxd::golden
