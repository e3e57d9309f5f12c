// Odd series that scanners, archives and exports make, each with its verdict.

#include <algorithm>
#include <cmath>
#include <optional>

#include "server/decode/dicom_volume.h"
#include "tests/support/catch.h"
#include "tests/support/dicom_builder.h"

namespace voxd {
namespace {

using namespace test;
using Catch::Matchers::Contains;
using Files = std::vector<std::vector<std::byte>>;

Files files_of(const std::vector<DicomDataset>& slices, const std::string& transfer_syntax = explicit_little) {
  Files files;
  for (const DicomDataset& slice : slices) files.push_back(dicom_bytes(slice, transfer_syntax));
  return files;
}

struct Decoded {
  HostVolume volume;
  std::vector<std::string> warnings;
};

Decoded decode(const Files& files, DecodeLimits limits = {}) {
  std::vector<std::span<const std::byte>> spans(files.begin(), files.end());
  const DicomDecoding how{.limits = limits, .threads = 2};
  const DicomSource source = open_dicom_series(spans, how);
  return {decode_dicom_series(source, spans, allocate_host, how), source.series.warnings};
}

Decoded decode(const std::vector<DicomDataset>& slices) { return decode(files_of(slices)); }

template <class Input>
std::string refusal(const Input& input) {
  try {
    decode(input);
  } catch (const Error& error) {
    CHECK(error.code() == Code::invalid_argument);
    return error.what();
  }
  return "accepted";
}

template <class T>
T voxel(const HostVolume& volume, std::int32_t x, std::int32_t y, std::int32_t z) {
  const Int3& size = volume.geometry.size;
  return volume.as<T>()[static_cast<std::size_t>((std::int64_t{x} * size[1] + y) * size[2] + z)];
}

/// What ct_slices(count) must become, however it came.
void require_plain(const Decoded& decoded, int count = 4) {
  const HostVolume& volume = decoded.volume;
  REQUIRE(volume.dtype == DType::i16);
  REQUIRE(volume.geometry.size == Int3{4, 3, count});
  const Affine expected{{{-0.7, 0, 0, 20}, {0, -0.5, 0, 30}, {0, 0, 2.5, -10}, {0, 0, 0, 1}}};
  for (std::size_t row = 0; row < 4; ++row)
    for (std::size_t column = 0; column < 4; ++column)
      REQUIRE(volume.geometry.affine[row][column] == Approx(expected[row][column]).margin(1e-12));
  for (int z = 0; z < count; ++z)
    for (int y = 0; y < 3; ++y)
      for (int x = 0; x < 4; ++x) REQUIRE(voxel<std::int16_t>(volume, x, y, z) == 1000 + 20 * z + 4 * y + x - 1024);
}

void require_warning(const Decoded& decoded, const std::string& text) {
  REQUIRE(decoded.warnings.size() == 1);
  REQUIRE_THAT(decoded.warnings[0], Contains(text));
}

std::vector<DicomDataset> without(std::vector<DicomDataset> slices, std::size_t index) {
  slices.erase(slices.begin() + static_cast<std::ptrdiff_t>(index));
  return slices;
}

TEST_CASE("a plain series is decoded without a warning, in every uncompressed syntax", "[dicom]") {
  const std::string syntax =
      GENERATE(as<std::string>{}, implicit_little, explicit_little, explicit_big, deflated_little);
  const Decoded decoded = decode(files_of(ct_slices(4), syntax));
  require_plain(decoded);
  CHECK(decoded.warnings.empty());
}

TEST_CASE("case 1: a missing slice is refused and said where", "[dicom][cases]") {
  CHECK_THAT(refusal(without(ct_slices(8), 3)),
             Contains("1 slice is missing: 5 mm between slices 3 and 4 of 7, 2.5 mm"));
  CHECK_THAT(refusal(without(without(ct_slices(12), 3), 3)), Contains("2 slices are missing: 7.5 mm"));
}

TEST_CASE("case 2: a second copy of an instance is left out with a warning", "[dicom][cases]") {
  auto slices = ct_slices(4);
  slices.push_back(slices[1]);
  const Decoded decoded = decode(slices);
  require_plain(decoded);
  require_warning(decoded, "1 second copy");
}

TEST_CASE("case 3: two images at one place are two stacks, and it is said what tells them apart", "[dicom][cases]") {
  auto slices = ct_slices(4);
  for (DicomDataset phase : ct_slices(4)) {
    phase.text(tag::sop_instance, "UI", phase[tag::sop_instance].text + ".2");
    phase.text(tag::echo_time, "DS", "30");
    slices.push_back(phase);
  }
  CHECK_THAT(refusal(slices), Contains("more than one stack: 8 images at 4 positions; they differ in EchoTime"));
}

TEST_CASE("case 4: a localizer is left out with a warning", "[dicom][cases]") {
  auto slices = ct_slices(8);
  DicomDataset scout = ct_slice(77);
  SECTION("that lies across") { scout.text(tag::orientation, "DS", "0\\1\\0\\0\\0\\-1"); }
  SECTION("that says so, in a series of its own") {
    scout.text(tag::image_type, "CS", "ORIGINAL\\PRIMARY\\LOCALIZER");
    scout.text(tag::series, "UI", "1.2.3.99");
  }
  slices.insert(slices.begin() + 2, scout);
  const Decoded decoded = decode(slices);
  require_plain(decoded, 8);
  require_warning(decoded, "localizer");
}

TEST_CASE("case 4: two stacks of some size are refused", "[dicom][cases]") {
  auto slices = ct_slices(8);
  for (int i = 0; i < 6; ++i) {
    DicomDataset coronal = ct_slice(100 + i);
    coronal.text(tag::orientation, "DS", "1\\0\\0\\0\\0\\-1");
    slices.push_back(coronal);
  }
  CHECK_THAT(refusal(slices), Contains("2 stacks of different ImageOrientationPatient, the largest of 8"));
}

TEST_CASE("case 5: what is no image, or has no position, is left out with a warning", "[dicom][cases]") {
  auto slices = ct_slices(4);
  DicomDataset other = ct_slice(3);
  std::string warning;
  SECTION("a report") {
    other.text(tag::sop_class, "UI", "1.2.840.10008.5.1.4.1.1.88.67");
    warning = "1 object XRayRadiationDoseSRStorage (not a CT, MR or PET image)";
  }
  SECTION("a picture of text") {
    other.text(tag::sop_class, "UI", "1.2.840.10008.5.1.4.1.1.7");
    other.text(tag::photometric, "CS", "RGB");
    other.erase(tag::position);
    warning = "SecondaryCaptureImageStorage (no ImagePositionPatient)";
  }
  SECTION("an image without a position") {
    other.erase(tag::position);
    warning = "CTImageStorage (no ImagePositionPatient)";
  }
  slices.insert(slices.begin(), other);
  const Decoded decoded = decode(slices);
  require_plain(decoded);
  require_warning(decoded, warning);
}

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

TEST_CASE("case 16: mosaics and single slices are refused", "[dicom][cases]") {
  auto slices = ct_slices(4);
  CHECK_THAT(refusal(std::vector{slices[0]}), Contains("1 slice, a volume has at least 2"));
  for (DicomDataset& slice : slices) slice.text(tag::image_type, "CS", "ORIGINAL\\PRIMARY\\M\\ND\\MOSAIC");
  CHECK_THAT(refusal(slices), Contains("mosaic"));
}

TEST_CASE("case 17: two series, studies, patients or frames of reference are refused, and not shown",
          "[dicom][cases]") {
  const auto [which, name] =
      GENERATE(table<std::uint32_t, std::string>({{tag::series, "SeriesInstanceUID"},
                                                  {tag::study, "StudyInstanceUID"},
                                                  {tag::patient_id, "PatientID"},
                                                  {tag::frame_of_reference, "FrameOfReferenceUID"}}));
  auto slices = ct_slices(4);
  slices[3].text(which, slices[3][which].vr.c_str(), "9.8.7");
  const std::string text = refusal(slices);
  CHECK_THAT(text, Contains("2 different values of " + name));
  CHECK_THAT(text, !Contains("9.8.7") && !Contains("PAT"));
}

TEST_CASE("case 17: empty identifiers are no obstacle to a mask, and are mentioned", "[dicom][cases]") {
  auto slices = ct_slices(4);
  for (DicomDataset& slice : slices)
    for (const std::uint32_t uid : {tag::sop_class, tag::sop_instance, tag::study, tag::series, tag::patient_id})
      slice.text(uid, slice[uid].vr.c_str(), "");
  const Decoded decoded = decode(slices);
  require_plain(decoded);
  require_warning(decoded, "SOPInstanceUID is empty");
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

TEST_CASE("images of several sizes and spacings are refused", "[dicom]") {
  auto slices = ct_slices(4);
  slices[1].text(tag::pixel_spacing, "DS", "0.6\\0.7");
  CHECK_THAT(refusal(slices), Contains("PixelSpacing: 0.5 mm and 0.6 mm in one series"));
  slices = ct_slices(4);
  slices[1].number(tag::rows, 4);
  slices[1].number(tag::columns, 3);
  CHECK_THAT(refusal(slices), Contains("images of 4x3 and of 3x4 pixels"));
}

}  // namespace
}  // namespace voxd
