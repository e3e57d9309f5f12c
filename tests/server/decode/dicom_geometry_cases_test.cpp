// Odd series that scanners, archives and exports make, each with its verdict: where the stack lies.

#include <algorithm>
#include <cmath>
#include <optional>

#include "tests/server/decode/dicom_cases.h"

namespace voxd::dicom_geometry_cases_test {
namespace {

using namespace test;
using Catch::Matchers::Contains;

TEST_CASE("case 6: uneven distances are refused, those that printing makes are not", "[dicom][cases]") {
  std::vector<DicomDataset> slices;
  for (const double z : {0.0, 2.5, 5.0, 7.5, 10.0, 15.0, 20.0, 25.0, 30.0}) slices.push_back(ct_slice(z));
  CHECK_THAT(refusal(slices), Contains("not evenly spaced: 2.5 to 5 mm apart"));
  slices.clear();
  for (const double z : {0.0, 13.2, 26.3998, 39.6, 52.8001}) slices.push_back(ct_slice(z));
  const Decoded decoded = decode(slices);
  CHECK(decoded.warnings.empty());
  CHECK(decoded.volume.geometry.affine[2][2] == Approx(13.2).margin(1e-4));
}

TEST_CASE("case 7: a tilted gantry is seen in the positions and makes a sheared affine", "[dicom][cases]") {
  auto slices = ct_slices(5);
  for (std::size_t i = 0; i < slices.size(); ++i) {
    const double step = static_cast<double>(i);
    slices[i].text(tag::position, "DS", decimals({-20, -30 + step * 2.5 * std::tan(0.2617993878), -10 + 2.5 * step}));
    slices[i].text(tag::gantry_tilt, "DS", "0");
  }
  const Decoded decoded = decode(slices);
  require_warning(decoded, "tilted by 15 degrees");
  CHECK(decoded.volume.geometry.affine[1][2] == Approx(-0.66987).margin(1e-4));
  CHECK(decoded.volume.geometry.affine[2][2] == Approx(2.5));
  slices[2].text(tag::position, "DS", "-20\\-27\\-5");
  CHECK_THAT(refusal(slices), Contains("shifted sideways"));
}

TEST_CASE("case 8: oblique, coronal and descending series lie where they were", "[dicom][cases]") {
  SECTION("descending") {
    auto slices = ct_slices(4);
    std::reverse(slices.begin(), slices.end());
    require_plain(decode(slices));
  }
  SECTION("coronal, with a negative direction") {
    std::vector<DicomDataset> slices;
    for (int i = 0; i < 3; ++i) {
      slices.push_back(ct_slice(0));
      slices.back().text(tag::orientation, "DS", "-1\\0\\0\\0\\0\\-1");
      slices.back().text(tag::position, "DS", decimals({5, 40 - 3.0 * i, 7}));
      slices.back().text(tag::sop_instance, "UI", "1.2." + std::to_string(i));
    }
    const Affine affine = decode(slices).volume.geometry.affine;
    // The normal (-1,0,0) x (0,0,-1) is (0,-1,0) in LPS: the stack rises towards the front.
    CHECK(affine == Affine{{{0.7, 0, 0, -5}, {0, 0, 3, -40}, {0, -0.5, 0, 7}, {0, 0, 0, 1}}});
  }
  SECTION("oblique") {
    std::vector<DicomDataset> slices;
    const double c = std::cos(0.3), s = std::sin(0.3);
    for (int i = 0; i < 3; ++i) {
      slices.push_back(ct_slice(0));
      slices.back().text(tag::orientation, "DS", decimals({c, s, 0, -s, c, 0}));
      slices.back().text(tag::position, "DS", decimals({1 + 0.1, 2, 3 + 2.0 * i}));
      slices.back().text(tag::sop_instance, "UI", "1.2." + std::to_string(i));
    }
    const Vec3 at = apply(decode(slices).volume.geometry.affine, {2, 1, 1});
    CHECK(at[0] == Approx(-(1.1 + c * 0.7 * 2 - s * 0.5)));
    CHECK(at[1] == Approx(-(2 + s * 0.7 * 2 + c * 0.5)));
    CHECK(at[2] == Approx(5));
  }
}

TEST_CASE("case 9: the order of files and instance numbers counts for nothing", "[dicom][cases]") {
  auto slices = ct_slices(4);
  for (DicomDataset& slice : slices) slice.text(tag::instance_number, "IS", "7");
  slices[2].text(tag::instance_number, "IS", "");
  std::rotate(slices.begin(), slices.begin() + 1, slices.end());
  std::swap(slices[0], slices[1]);
  require_plain(decode(slices));
}

TEST_CASE("case 10: the distance between slices is that of their positions, not SliceThickness", "[dicom][cases]") {
  const Decoded decoded = decode(ct_slices(4));  // which say 3
  CHECK(spacing_mm(decoded.volume.geometry.affine)[2] == Approx(2.5));
}

TEST_CASE("case 15: a multi-frame file's frames are placed by their own groups", "[dicom][cases]") {
  DicomDataset file = enhanced_ct(4);
  SECTION("as they come") { require_plain(decode(std::vector{file})); }
  SECTION("out of order") {
    std::swap(file[tag::frame_groups].items[0], file[tag::frame_groups].items[3]);
    auto& words = file[tag::pixel_data].words;
    std::swap_ranges(words.begin(), words.begin() + 12, words.begin() + 36);
    require_plain(decode(std::vector{file}));
  }
  SECTION("without groups") {
    file.erase(tag::shared_groups);
    file.erase(tag::frame_groups);
    file.text(tag::position, "DS", "0\\0\\0");
    CHECK_THAT(refusal(std::vector{file}), Contains("4 frames without functional groups"));
  }
  SECTION("with too few groups") {
    file[tag::frame_groups].items.pop_back();
    CHECK_THAT(refusal(std::vector{file}), Contains("PerFrameFunctionalGroupsSequence: 3 items for 4 frames"));
  }
  SECTION("without shared groups") {
    file.erase(tag::shared_groups);
    CHECK_THAT(refusal(std::vector{file}), Contains("no ImageOrientationPatient"));
  }
}

}  // namespace
}  // namespace voxd::dicom_geometry_cases_test
