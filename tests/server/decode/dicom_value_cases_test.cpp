// Odd series that scanners, archives and exports make, each with its verdict: what its voxels are.

#include <algorithm>
#include <cmath>
#include <optional>

#include "tests/server/decode/dicom_cases.h"

namespace voxd::dicom_value_cases_test {
namespace {

using namespace test;
using Catch::Matchers::Contains;

TEST_CASE("a plain series is decoded without a warning, in every uncompressed syntax", "[dicom]") {
  const std::string syntax =
      GENERATE(as<std::string>{}, implicit_little, explicit_little, explicit_big, deflated_little);
  const Decoded decoded = decode(files_of(ct_slices(4), syntax));
  require_plain(decoded);
  CHECK(decoded.warnings.empty());
}

TEST_CASE("case 11: slope and intercept are each slice's own, in float", "[dicom][cases]") {
  auto slices = ct_slices(2);
  slices[0].text(tag::slope, "DS", "0.25");
  slices[0].text(tag::intercept, "DS", "0");
  slices[1].text(tag::slope, "DS", "1.5");
  slices[1].text(tag::intercept, "DS", "0.125");
  const HostVolume volume = decode(slices).volume;
  REQUIRE(volume.dtype == DType::f32);
  CHECK(voxel<float>(volume, 1, 0, 0) == 1001 * 0.25f);
  CHECK(voxel<float>(volume, 1, 0, 1) == 1021 * 1.5f + 0.125f);
}

TEST_CASE("case 12: padding becomes air, whatever the sign its element has", "[dicom][cases]") {
  auto slices = ct_slices(2);
  for (DicomDataset& slice : slices) {
    slice.number(tag::pixel_representation, 1);
    slice.number(tag::bits_stored, 16);
    slice.number(tag::high_bit, 15);
    slice.text(tag::intercept, "DS", "0");
    slice[tag::pixel_data].words[5] = 0xF830;  // -2000
    slice[tag::pixel_data].words[6] = 0xFFFE;  // -2
    slice.number(tag::padding, 0xF830);
  }
  const HostVolume volume = decode(slices).volume;
  REQUIRE(volume.dtype == DType::i16);
  CHECK(voxel<std::int16_t>(volume, 1, 1, 0) == ct_padding_hu);
  CHECK(voxel<std::int16_t>(volume, 2, 1, 0) == -2);
  CHECK(voxel<std::int16_t>(volume, 0, 0, 0) == 1000);
}

TEST_CASE("case 13: bits that are not stored bits count for nothing", "[dicom][cases]") {
  auto slices = ct_slices(4);
  SECTION("above") {
    for (DicomDataset& slice : slices)
      for (std::uint16_t& word : slice[tag::pixel_data].words) word = static_cast<std::uint16_t>(word | 0xA000);
  }
  SECTION("below") {
    for (DicomDataset& slice : slices) {
      slice.number(tag::high_bit, 15);
      for (std::uint16_t& word : slice[tag::pixel_data].words) word = static_cast<std::uint16_t>(word << 4 | 0xB);
    }
  }
  require_plain(decode(slices));
}

TEST_CASE("case 18: numbers that are none are refused by their attribute's name, not shown", "[dicom][cases]") {
  auto slices = ct_slices(4);
  const std::string number = GENERATE(as<std::string>{}, "2,5", "nan", "inf", "1e999", "Doe^Jane", "0x10", "1 2", "-");
  slices[2].text(tag::position, "DS", "-20\\" + number + "\\5");
  const std::string text = refusal(slices);
  CHECK_THAT(text, Contains("ImagePositionPatient: number 2 is not a finite decimal number"));
  CHECK_THAT(text, !Contains("Doe"));
  slices = ct_slices(4);
  slices[2].text(tag::position, "DS", "-20\\5");
  CHECK_THAT(refusal(slices), Contains("ImagePositionPatient: 2 numbers, 3 expected"));
}

TEST_CASE("case 18: an empty SliceThickness and spaces around numbers are no obstacle", "[dicom][cases]") {
  auto slices = ct_slices(4);
  slices[0].text(tag::slice_thickness, "DS", "");
  slices[1].text(tag::position, "DS", " -20 \\ -3.0e1\\-7.5 ");
  slices[2].text(tag::position, "DS", "-20\\-30\\-5.0000000000000000");
  slices[3].text(tag::slope, "DS", "+1.0");
  require_plain(decode(slices));
}

TEST_CASE("case 19: pixels that the file does not hold are refused before memory is taken", "[dicom][cases]") {
  auto slices = ct_slices(2);
  SECTION("too few") {
    slices[1][tag::pixel_data].words.resize(6);
    slices[1].text(tag::patient_name, "PN", std::string(64, 'x'));
    CHECK_THAT(refusal(slices), Contains("file 2: pixel data"));
  }
  SECTION("a huge frame") {
    for (DicomDataset& slice : slices) {
      slice.number(tag::rows, 4096);
      slice.number(tag::columns, 4096);
    }
    CHECK_THAT(refusal(slices), Contains("4096x4096 pixels, 1 frames, need 33554432 bytes, a file of"));
  }
  SECTION("an absurd frame") {
    slices[0].number(tag::rows, 65535);
    CHECK_THAT(refusal(slices), Contains("Rows: 65535, from 1 to 4096"));
  }
  SECTION("none") {
    slices[1].erase(tag::pixel_data);
    slices[1].text(tag::patient_name, "PN", std::string(64, 'x'));
    CHECK_THAT(refusal(slices), Contains("pixel data: none"));
  }
  SECTION("a bomb") {
    DicomDataset bomb = ct_slice(0);
    bomb[tag::pixel_data].words.assign(std::size_t{20} << 20, 0);
    CHECK_THAT(refusal(Files{dicom_bytes(bomb, deflated_little), dicom_bytes(ct_slice(2.5))}),
               Contains("inflates to more than"));
  }
}

TEST_CASE("case 20: colours, other objects, other units and other syntaxes are refused by name", "[dicom][cases]") {
  auto slices = ct_slices(4);
  const auto set = [&](std::uint32_t where, const char* vr, const std::string& value) {
    for (DicomDataset& slice : slices) slice.text(where, vr, value);
  };
  SECTION("RGB") {
    set(tag::photometric, "CS", "RGB");
    CHECK_THAT(refusal(slices), Contains("a colour image"));
  }
  SECTION("palette") {
    set(tag::photometric, "CS", "PALETTE COLOR");
    CHECK_THAT(refusal(slices), Contains("a palette image"));
  }
  SECTION("a segmentation") {
    set(tag::sop_class, "UI", "1.2.840.10008.5.1.4.1.1.66.4");
    CHECK_THAT(refusal(slices), Contains("SegmentationStorage (not a CT, MR or PET image)"));
  }
  SECTION("a dose") {
    set(tag::sop_class, "UI", "1.2.840.10008.5.1.4.1.1.481.2");
    CHECK_THAT(refusal(slices), Contains("RTDoseStorage"));
  }
  SECTION("not Hounsfield units") {
    set(tag::rescale_type, "LO", "EDW");
    CHECK_THAT(refusal(slices), Contains("RescaleType: not HU"));
  }
  SECTION("MPEG") {
    CHECK_THAT(refusal(files_of(slices, "1.2.840.10008.1.2.4.102")),
               Contains("MPEG4HighProfile/Level4.1 (1.2.840.10008.1.2.4.102), not supported"));
  }
  SECTION("MONOCHROME1 is taken as it is") {
    set(tag::photometric, "CS", "MONOCHROME1");
    const Decoded decoded = decode(slices);
    require_plain(decoded);
    require_warning(decoded, "not inverted");
  }
}

}  // namespace
}  // namespace voxd::dicom_value_cases_test
