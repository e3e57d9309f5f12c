// Odd series that scanners, archives and exports make, each with its verdict: which images make the stack.

#include <algorithm>
#include <cmath>
#include <optional>

#include "tests/server/decode/dicom_cases.h"

namespace voxd::dicom_selection_cases_test {
namespace {

using namespace test;
using Catch::Matchers::Contains;

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
}  // namespace voxd::dicom_selection_cases_test
