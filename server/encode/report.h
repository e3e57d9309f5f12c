#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gpu_transforms/volume/host_volume.h"

namespace voxd {

/// Voxels start..end-1 along each axis of the label map.
struct VoxelBox {
  Int3 start{};
  Int3 end{};
  friend bool operator==(const VoxelBox&, const VoxelBox&) = default;
};

/// What a label map says about one label.
struct LabelStatistics {
  int label = 0;
  std::string name;  ///< empty: the model does not name it
  std::int64_t voxels = 0;
  std::int64_t components = 0;  ///< connected by 26 neighbours; label_statistics does not count them
  double ml = 0;
  std::optional<VoxelBox> box;  ///< empty: no voxel has the label
  Vec3 start_mm{}, end_mm{};    ///< RAS+, the box along the patient's axes around the whole of those voxels
  Vec3 centroid_mm{};           ///< RAS+; the three are meaningless without a voxel
};

/// Statistics of every label above 0 that `names` holds or the mask contains, by rising label. `mask` is u8 or u16, one
/// channel, else Error{invalid_argument}. Volumes and centroids follow the affine, oblique or not. One pass over the
/// mask.
std::vector<LabelStatistics> label_statistics(const HostVolume& mask, const std::map<int, std::string>& names);

/// All that is said about one job beside its pictures.
struct Report {
  std::string request_id;
  std::string voxd_version;
  std::string model;
  std::string model_version;
  std::string intended_use;  ///< of the model, as its bundle says; may be empty
  Geometry input;
  DType input_dtype = DType::f32;
  std::vector<std::string> input_sha256;  ///< of each file as it came
  std::string mask_sha256;                ///< of the label map's voxels in memory order, before any file format
  std::vector<std::string> warnings;      ///< of the image: what was left out of it or looks unusual
  std::vector<LabelStatistics> labels;
  std::vector<std::pair<std::string, double>>
      stages_ms;        ///< decode, queue, pre, network, post, encode; milliseconds, in this order
  double total_ms = 0;  ///< from the job's arrival to the report
};

/// The report as JSON (UTF-8, indented, keys in a fixed order; numbers that are not finite become null, bytes that are
/// not UTF-8 U+FFFD).
std::string encode_report(const Report& report);

}  // namespace voxd
