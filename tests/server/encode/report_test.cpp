#include "server/encode/report.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "tests/support/catch.h"

namespace voxd::report_test {
namespace {

const Affine oblique{{{0.6, -0.8, 0.3, 10}, {0.8, 0.6, 0, -20}, {0, 0, 2, 30}, {0, 0, 0, 1}}};

HostVolume empty_mask(const Int3& size, DType dtype = DType::u8, const Affine& affine = identity_affine()) {
  HostVolume mask = make_host_volume(dtype, 1, {size, affine});
  std::ranges::fill(mask.voxels.bytes(), std::byte{0});
  return mask;
}

template <class T>
void fill_box(HostVolume& mask, const VoxelBox& box, T label) {
  const Int3& size = mask.geometry.size;
  for (int x = box.start[0]; x < box.end[0]; ++x)
    for (int y = box.start[1]; y < box.end[1]; ++y)
      for (int z = box.start[2]; z < box.end[2]; ++z)
        mask.as<T>()[(std::size_t(x) * std::size_t(size[1]) + std::size_t(y)) * std::size_t(size[2]) + std::size_t(z)] =
            label;
}

TEST_CASE("a box of one label is counted, measured and placed in an oblique volume", "[encode][report]") {
  HostVolume mask = empty_mask({20, 30, 40}, DType::u8, oblique);
  const VoxelBox box{{2, 3, 4}, {7, 9, 31}};
  fill_box<std::uint8_t>(mask, box, 1);
  const auto statistics = label_statistics(mask, {{0, "background"}, {1, "brain"}});
  REQUIRE(statistics.size() == 1);
  const LabelStatistics& brain = statistics[0];
  REQUIRE(brain.label == 1);
  REQUIRE(brain.name == "brain");
  REQUIRE(brain.voxels == 5 * 6 * 27);
  REQUIRE(brain.ml == Approx(5 * 6 * 27 * 2 / 1000.0));  // the determinant is 2, the product of the spacings is not
  REQUIRE(brain.box == box);
  const Vec3 expected = voxd::apply(oblique, {4, 5.5, 17});
  for (std::size_t axis = 0; axis < 3; ++axis) REQUIRE(brain.centroid_mm[axis] == Approx(expected[axis]));
  // 0.6 x - 0.8 y + 0.3 z + 10 and so on, from the corners of the voxels 1.5..6.5, 2.5..8.5, 3.5..30.5.
  const Vec3 start{0.6 * 1.5 - 0.8 * 8.5 + 0.3 * 3.5 + 10, 0.8 * 1.5 + 0.6 * 2.5 - 20, 2 * 3.5 + 30};
  const Vec3 end{0.6 * 6.5 - 0.8 * 2.5 + 0.3 * 30.5 + 10, 0.8 * 6.5 + 0.6 * 8.5 - 20, 2 * 30.5 + 30};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    REQUIRE(brain.start_mm[axis] == Approx(start[axis]));
    REQUIRE(brain.end_mm[axis] == Approx(end[axis]));
  }
}

TEST_CASE("labels are told apart, named or not, present or not", "[encode][report]") {
  HostVolume mask = empty_mask({4, 4, 20}, DType::u16);
  fill_box<std::uint16_t>(mask, {{0, 0, 0}, {1, 1, 10}}, 300);
  fill_box<std::uint16_t>(mask, {{0, 0, 10}, {1, 1, 20}}, 2);
  fill_box<std::uint16_t>(mask, {{3, 3, 19}, {4, 4, 20}}, 65535);
  const auto statistics = label_statistics(mask, {{2, "liver"}, {5, "spleen"}, {70000, "far"}});
  std::vector<int> labels;
  for (const auto& entry : statistics) labels.push_back(entry.label);
  REQUIRE(labels == std::vector<int>{2, 5, 300, 65535, 70000});
  REQUIRE(statistics[0].voxels == 10);
  REQUIRE(statistics[0].name == "liver");
  REQUIRE(statistics[1].voxels == 0);
  REQUIRE_FALSE(statistics[1].box);
  REQUIRE(statistics[2].name.empty());
  REQUIRE(statistics[3].box == VoxelBox{{3, 3, 19}, {4, 4, 20}});
}

TEST_CASE("counting by runs agrees with counting voxels", "[encode][report]") {
  std::mt19937 random(11);
  for (int depth : {1, 7, 8, 9, 33}) {
    HostVolume mask = empty_mask({5, 6, depth});
    std::array<std::int64_t, 256> expected{};
    std::uint8_t label = 0;
    for (std::uint8_t& voxel : mask.as<std::uint8_t>()) {
      if (random() % 6 == 0) label = static_cast<std::uint8_t>(random() % 4);
      voxel = label;
      ++expected[label];
    }
    CAPTURE(depth);
    for (const auto& entry : label_statistics(mask, {})) REQUIRE(entry.voxels == expected[std::size_t(entry.label)]);
  }
}

TEST_CASE("a mask of another type is refused", "[encode][report]") {
  REQUIRE_THROWS_AS(label_statistics(empty_mask({2, 2, 2}, DType::f32), {}), Error);
}

TEST_CASE("the report says what was done in JSON that a parser reads", "[encode][report]") {
  HostVolume mask = empty_mask({10, 10, 10});
  fill_box<std::uint8_t>(mask, {{1, 2, 3}, {4, 5, 6}}, 1);
  Report report;
  report.request_id = "r-1 \"quoted\"";
  report.voxd_version = "0.1.0";
  report.model = "brain_extraction";
  report.model_version = "1";
  report.intended_use = "not for patients";
  report.input = {{10, 11, 12}, oblique};
  report.input_dtype = DType::i16;
  report.warnings = {"left out 1 localizer"};
  report.labels = label_statistics(mask, {{1, "brain"}, {2, "absent"}});
  report.stages_ms = {{"decode", 1.5}, {"queue", 0}, {"pre", 2}, {"network", 3}, {"post", 4}, {"encode", 5}};
  report.total_ms = 16.25;
  const auto json = nlohmann::json::parse(encode_report(report));
  REQUIRE(json["request_id"] == report.request_id);
  REQUIRE(json["intended_use"] == "not for patients");
  REQUIRE(json["voxd_version"] == "0.1.0");
  REQUIRE(json["model"] == "brain_extraction");
  REQUIRE(json["model_version"] == "1");
  REQUIRE(json["input"]["size"] == nlohmann::json{10, 11, 12});
  REQUIRE(json["input"]["dtype"] == "int16");
  REQUIRE(json["input"]["spacing_mm"][0].get<double>() == Approx(1));
  REQUIRE(json["input"]["affine"][0][2].get<double>() == 0.3);
  REQUIRE(json["warnings"] == nlohmann::json{"left out 1 localizer"});
  REQUIRE(json["labels"][0]["name"] == "brain");
  REQUIRE(json["labels"][0]["voxels"] == 27);
  REQUIRE(json["labels"][0]["ml"].get<double>() == Approx(0.027));
  REQUIRE(json["labels"][0]["bounding_box_voxels"]["start"] == nlohmann::json{1, 2, 3});
  REQUIRE(json["labels"][0]["bounding_box_voxels"]["end"] == nlohmann::json{4, 5, 6});
  REQUIRE(json["labels"][0]["bounding_box_mm"]["start"] == nlohmann::json{0.5, 1.5, 2.5});
  REQUIRE(json["labels"][0]["bounding_box_mm"]["end"] == nlohmann::json{3.5, 4.5, 5.5});
  REQUIRE(json["labels"][0]["centroid_mm"] == nlohmann::json{2.0, 3.0, 4.0});
  REQUIRE(json["labels"][1]["voxels"] == 0);
  REQUIRE(json["labels"][1]["bounding_box_voxels"].is_null());
  REQUIRE(json["labels"][1]["bounding_box_mm"].is_null());
  REQUIRE(json["labels"][1]["centroid_mm"].is_null());
  REQUIRE(json["stages_ms"].size() == 6);
  REQUIRE(json["stages_ms"]["network"] == 3.0);
  REQUIRE(json["total_ms"] == 16.25);
}

TEST_CASE("a name that is not UTF-8 and a time that is no number still give valid JSON", "[encode][report]") {
  Report report;
  report.model = "caf\xe9";
  report.total_ms = std::numeric_limits<double>::quiet_NaN();
  const auto json = nlohmann::json::parse(encode_report(report));
  REQUIRE(json["model"] == "caf\xef\xbf\xbd");
  REQUIRE(json["total_ms"].is_null());
}

}  // namespace
}  // namespace voxd::report_test
