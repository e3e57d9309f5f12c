#pragma once

#include <array>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gpu_transforms/job_context.h"
#include "gpu_transforms/pad.h"
#include "gpu_transforms/volume/host_volume.h"
#include "models/network.h"

namespace voxd {

/// A tensor of the KServe protocol as a bundle's serving.json names it. -1 in a shape is any size.
struct TensorDescription {
  std::string name;      ///< "INPUT0"
  std::string key;       ///< the chain's key that it feeds or shows, "image", "pred", "contour"
  std::string datatype;  ///< KServe's name, "FP32", "UINT8"
  std::vector<std::int64_t> shape;
};

/// A tensor of this key shows Extras::probabilities.
inline constexpr const char* probabilities_key = "probabilities";

struct PipelineDescription {
  std::string name;              ///< of the bundle's folder
  std::string task;              ///< one line, from metadata.json
  std::string description;       ///< from metadata.json
  std::string metadata_version;  ///< metadata.json's `version`
  std::string intended_use;      ///< from metadata.json: "synthetic, not for patients"
  std::vector<TensorDescription> inputs, outputs;
  std::string mask_key = "pred";
  bool ends_on_input_grid =
      true;  ///< the results lie on the image's own grid: nothing moved its voxels, or Invertd took them back
  std::string contour_key;         ///< empty when the chain makes no contour
  bool has_probabilities = false;  ///< the chain makes labels of scores, so Extras::probabilities can be asked for
  std::int32_t input_channels = 1;
  std::vector<std::string> channel_names;  ///< of the input's channels, in order; empty where metadata.json has none
  std::optional<Int3> warm_up_image;       ///< size of a typical image, where serving.json names one
  std::map<std::int32_t, std::string> labels;  ///< label value -> name, from metadata.json's channel_def
  int most_running = 0, most_waiting = 0;      ///< jobs of the model at once, as serving.json limits them; 0: no limit
  std::string network_sha256;                  ///< of the network's file; empty where there is none
  std::vector<std::string> network_notes;      ///< what was decided about the network at load, a line each
};

/// What a caller may want beside what the chain saves, of the label map that the chain ends with.
struct Extras {
  bool contour = false;     ///< its boundary, label by label, if the chain makes no contour of its own
  bool components = false;  ///< how many connected components each label has
  /// What the chain makes the labels of, class by class (region by region): its own softmax or sigmoid, else the
  /// softmax of the scores, taken back to the mask's grid by its Invertd, linearly.
  bool probabilities = false;
};

struct PipelineOutput {
  std::string key;
  HostVolume volume;  ///< uint8 or uint16 label map, or float32; on the grid that the chain ends on
};

struct PipelineResult {
  std::vector<PipelineOutput> outputs;
  std::array<double, kStages> stage_ms{};              ///< pre, network and post are filled in
  std::int64_t peak_bytes = 0;                         ///< of the workspace
  std::optional<Box> crop;                             ///< the part of the network's image that the chain's first crop
                                                       ///< kept, in voxels of the grid that it met; empty: no crop
  std::optional<HostVolume> contour;                   ///< made for Extras::contour
  std::map<int, std::int64_t> components;              ///< by label, of 26 neighbours, for Extras::components
  std::optional<HostVolume> probabilities;             ///< made for Extras::probabilities: float32, a channel per class
  const HostVolume& at(const std::string& key) const;  ///< throws Error{not_found} naming the keys there are
};

/// Called with a network's file before it is loaded into this process; what it throws refuses the network.
using CheckNetwork = std::function<void(const std::filesystem::path& file, const NetworkOptions& options)>;

/// A bundle's preprocessing, inferer, network and postprocessing, read, checked and ready. Immutable; safe from any
/// thread.
class Pipeline {
 public:
  /// Reads configs/inference.json (or .yaml, .yml), metadata.json and serving.json of a bundle folder, or of a
  /// TorchScript file (.ts) that carries them. Everything that
  /// is not understood is refused with file, path inside the file and the offending text. `network` replaces
  /// models/model.ts (tests).
  static std::shared_ptr<const Pipeline> load(const std::filesystem::path& bundle, int device = -1,
                                              std::shared_ptr<const Network> network = nullptr,
                                              const CheckNetwork& check = {});
  virtual ~Pipeline() = default;

  virtual const PipelineDescription& description() const = 0;

  /// Runs one job. Several images are stacked as channels, in order, and must share one grid. Outputs are in memory
  /// from `allocate`, complete on return. Throws Error{cancelled}, Error{deadline_exceeded} between steps,
  /// Error{invalid_argument} for an image that the chain cannot take.
  virtual PipelineResult run(const std::vector<HostVolume>& images, JobContext& context,
                             const HostAllocator& allocate = allocate_host, const Extras& extras = {}) const = 0;

  /// Upper bound of workspace and network memory for an image on that grid, before it is run. The crop's box being
  /// unknown, it counts as the whole image. Throws Error{invalid_argument} where a step cannot take such a grid.
  virtual std::int64_t peak_bytes(DType dtype, std::int32_t channels, const Geometry& image,
                                  const Extras& extras = {}) const = 0;
};

}  // namespace voxd
