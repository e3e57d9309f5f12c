#include "server/encode/report.h"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>

#include "server/encode/label_runs.h"

namespace voxd {
namespace {

using Json = nlohmann::ordered_json;

struct Sums {
  std::int64_t voxels = 0;
  std::array<std::int64_t, 3> index_sum{};  // at most 4096^4 = 2^48
  Int3 start{std::numeric_limits<std::int32_t>::max(), std::numeric_limits<std::int32_t>::max(),
             std::numeric_limits<std::int32_t>::max()};
  Int3 end{};

  /// Voxels (x, y, z0..z1-1).
  void add_run(std::int32_t x, std::int32_t y, std::int32_t z0, std::int32_t z1) {
    const std::int64_t count = z1 - z0;
    voxels += count;
    index_sum[0] += count * x;
    index_sum[1] += count * y;
    index_sum[2] += count * (std::int64_t{z0} + z1 - 1) / 2;
    start = {std::min(start[0], x), std::min(start[1], y), std::min(start[2], z0)};
    end = {std::max(end[0], x + 1), std::max(end[1], y + 1), std::max(end[2], z1)};
  }
};

/// The box around the corners of the box of voxels, each of which reaches half a voxel beyond its centre.
void place(const VoxelBox& box, const Affine& affine, LabelStatistics& statistics) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  statistics.start_mm = {infinity, infinity, infinity};
  statistics.end_mm = {-infinity, -infinity, -infinity};
  for (int corner = 0; corner < 8; ++corner) {
    Vec3 at{};
    for (int axis = 0; axis < 3; ++axis) at[axis] = (corner >> axis & 1 ? box.end[axis] : box.start[axis]) - 0.5;
    const Vec3 mm = voxd::apply(affine, at);
    for (int axis = 0; axis < 3; ++axis) {
      statistics.start_mm[axis] = std::min(statistics.start_mm[axis], mm[axis]);
      statistics.end_mm[axis] = std::max(statistics.end_mm[axis], mm[axis]);
    }
  }
}

LabelStatistics statistics_of(int label, std::string name, const Sums& sums, const Affine& affine) {
  LabelStatistics statistics;
  statistics.label = label;
  statistics.name = std::move(name);
  statistics.voxels = sums.voxels;
  if (sums.voxels == 0) return statistics;
  statistics.ml = static_cast<double>(sums.voxels) * voxel_volume_mm3(affine) / 1000;
  statistics.box = VoxelBox{sums.start, sums.end};
  place(*statistics.box, affine, statistics);
  Vec3 mean{};
  for (int axis = 0; axis < 3; ++axis)
    mean[axis] = static_cast<double>(sums.index_sum[axis]) / static_cast<double>(sums.voxels);
  statistics.centroid_mm = voxd::apply(affine, mean);
  return statistics;
}

Json to_json(const LabelStatistics& statistics) {
  Json json{{"label", statistics.label},
            {"name", statistics.name},
            {"voxels", statistics.voxels},
            {"ml", statistics.ml},
            {"components", statistics.components}};
  json["bounding_box_voxels"] = nullptr;
  json["bounding_box_mm"] = nullptr;
  json["centroid_mm"] = nullptr;
  if (statistics.box) {
    json["bounding_box_voxels"] = Json{{"start", statistics.box->start}, {"end", statistics.box->end}};
    json["bounding_box_mm"] = Json{{"start", statistics.start_mm}, {"end", statistics.end_mm}};
    json["centroid_mm"] = statistics.centroid_mm;
  }
  return json;
}

}  // namespace

std::vector<LabelStatistics> label_statistics(const HostVolume& mask, const std::map<int, std::string>& names) {
  std::vector<Sums> sums(mask.dtype == DType::u8 ? 256 : 65536);
  for_each_label_run(mask, [&](std::uint32_t label, std::int32_t x, std::int32_t y, std::int32_t z0, std::int32_t z1) {
    sums[label].add_run(x, y, z0, z1);
  });
  std::map<int, std::string> labels;
  for (std::size_t label = 1; label < sums.size(); ++label)
    if (sums[label].voxels > 0) labels[static_cast<int>(label)];
  for (const auto& [label, name] : names)
    if (label > 0) labels[label] = name;

  std::vector<LabelStatistics> statistics;
  for (const auto& [label, name] : labels) {
    const auto index = static_cast<std::size_t>(label);
    statistics.push_back(statistics_of(label, name, index < sums.size() ? sums[index] : Sums{}, mask.geometry.affine));
  }
  return statistics;
}

std::string encode_report(const Report& report) {
  Json json;
  json["request_id"] = report.request_id;
  json["voxd_version"] = report.voxd_version;
  json["model"] = report.model;
  json["model_version"] = report.model_version;
  json["intended_use"] = report.intended_use;
  json["input"] = {{"size", report.input.size},
                   {"spacing_mm", spacing_mm(report.input.affine)},
                   {"dtype", std::string(name_of(report.input_dtype))},
                   {"affine", report.input.affine},
                   {"sha256", report.input_sha256}};
  json["mask_sha256"] = report.mask_sha256;
  json["warnings"] = report.warnings;
  json["labels"] = Json::array();
  for (const LabelStatistics& statistics : report.labels) json["labels"].push_back(to_json(statistics));
  json["stages_ms"] = Json::object();
  for (const auto& [stage, ms] : report.stages_ms) json["stages_ms"][stage] = ms;
  json["total_ms"] = report.total_ms;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace voxd
