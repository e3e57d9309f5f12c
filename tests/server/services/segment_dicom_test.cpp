#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "server/decode/nifti.h"
#include "tests/server/services/server_fixture.h"
#include "tests/support/catch.h"
#include "tests/support/dicom_builder.h"

namespace segment_dicom_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

namespace {

using Files = std::vector<std::string>;

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Files files_of(const std::vector<DicomDataset>& slices) {
  Files files;
  for (const DicomDataset& slice : slices) files.push_back(text_of(dicom_bytes(slice)));
  return files;
}

/// Slices whose voxels are above 0 HU from slice 2 on.
std::vector<DicomDataset> series() { return ct_slices(4); }

std::string part_name(std::size_t i) { return std::to_string(i); }

v1::Open open_files(const Files& files) {
  v1::Open open = open_for(files[0]);
  open.clear_parts();
  for (std::size_t i = 0; i < files.size(); ++i) {
    v1::Part& part = *open.add_parts();
    part.set_id(part_name(i));
    part.set_byte_size(files[i].size());
  }
  return open;
}

SegmentOutcome segment_files(const ServerFixture& server, const Files& files, const v1::Open& open) {
  SegmentCaller caller(server.channel);
  caller.send(open);
  for (std::size_t i = files.size(); i-- > 0;) caller.send(part_name(i), 0, files[i]);
  caller.end_upload();
  return caller.finish();
}

SegmentOutcome segment_files(const ServerFixture& server, const Files& files) {
  return segment_files(server, files, open_files(files));
}

/// What was logged while it lived.
class CapturedLog {
 public:
  CapturedLog() {
    silence_log();  // which would take the log away again later
    before_ = spdlog::default_logger();
    auto logger = std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_));
    logger->set_level(spdlog::level::trace);
    spdlog::set_default_logger(logger);
  }
  ~CapturedLog() { spdlog::set_default_logger(before_); }
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::logger> before_;
};

}  // namespace

TEST_CASE("the files of a DICOM series, in any order, are one volume with the series' geometry") {
  const ServerFixture server;
  Files files = files_of(series());
  std::swap(files[0], files[2]);
  const SegmentOutcome outcome = segment_files(server, files);
  REQUIRE(outcome.status.ok());
  REQUIRE(outcome.summary);
  CHECK(outcome.summary->warnings_size() == 0);
  const std::string& mask_file = outcome.results.at(v1::Result::MASK);
  const HostVolume mask = decode_nifti(std::as_bytes(std::span(mask_file)), allocate_host, {});
  CHECK(mask.geometry.size == Int3{4, 3, 4});
  CHECK(mask.geometry.affine[0][0] == Approx(-0.7));
  CHECK(mask.geometry.affine[2][2] == 2.5);
  CHECK(mask.geometry.affine[2][3] == -10);
  // Voxel (x, y, z) is 20 * z + 4 * y + x - 24 HU.
  const auto voxels = mask.as<std::uint8_t>();
  for (int x = 0, i = 0; x < 4; ++x)
    for (int y = 0; y < 3; ++y)
      for (int z = 0; z < 4; ++z, ++i)
        REQUIRE(int{voxels[static_cast<std::size_t>(i)]} == (20 * z + 4 * y + x - 24 > 0 ? 1 : 0));
}

TEST_CASE("a multi-frame file is a series of its own, and DICOM may be said to be") {
  const ServerFixture server;
  const Files files{text_of(dicom_bytes(enhanced_ct(5)))};
  v1::Open open = open_files(files);
  open.mutable_parts(0)->set_format("dicom");
  const SegmentOutcome outcome = segment_files(server, files, open);
  REQUIRE(outcome.status.ok());
  CHECK(outcome.results.size() == 3);
}

TEST_CASE("what is left out of a series is said in the summary and in the report") {
  const ServerFixture server;
  std::vector<DicomDataset> slices = series();
  slices.push_back(slices[0]);
  const SegmentOutcome outcome = segment_files(server, files_of(slices));
  REQUIRE(outcome.status.ok());
  REQUIRE(outcome.summary->warnings_size() == 1);
  CHECK(outcome.summary->warnings(0) == "left out 1 second copy of one instance");
  const auto report = nlohmann::json::parse(outcome.results.at(v1::Result::REPORT));
  CHECK(report["warnings"] == nlohmann::json{outcome.summary->warnings(0)});
  CHECK(report["input"]["dtype"] == "int16");
}

TEST_CASE("a bad series is refused with the part and the reason, and the next call works") {
  const ServerFixture server;
  std::vector<DicomDataset> slices = series();
  std::string text;
  Files files = files_of(slices);
  SECTION("a missing slice") {
    slices.push_back(ct_slice(50));
    files = files_of(slices);
    text = "series: ";
  }
  SECTION("a damaged file") {
    files[1].resize(files[1].size() / 2);
    text = "part '1': dicom: the file is damaged";
  }
  SECTION("NIfTI among them") {
    files.push_back(small_image());
    text = "parts: 4 are DICOM and 1 are not";
  }
  const SegmentOutcome outcome = segment_files(server, files);
  CHECK(outcome.status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK_THAT(outcome.status.error_message(), Contains(text));
  CHECK(segment_files(server, files_of(series())).status.ok());
}

TEST_CASE("nothing of the patient or the study is logged, reported or said in an error") {
  const CapturedLog log;
  std::string said;
  {
    const ServerFixture server;
    const auto run = [&](std::vector<DicomDataset> slices, bool is_good) {
      for (DicomDataset& slice : slices)
        for (const auto& [where, vr] : std::map<std::uint32_t, const char*>{{0x00080050, "SH"},
                                                                            {0x00080090, "PN"},
                                                                            {0x00081030, "LO"},
                                                                            {0x0008103E, "LO"},
                                                                            {0x00100010, "PN"},
                                                                            {0x00100020, "LO"},
                                                                            {0x00101000, "LO"},
                                                                            {0x00104000, "LT"},
                                                                            {0x00200010, "SH"},
                                                                            {0x00204000, "LT"}})
          slice.text(where, vr, "PLANTED");
      const SegmentOutcome outcome = segment_files(server, files_of(slices));
      REQUIRE(outcome.status.ok() == is_good);
      said += outcome.status.error_message() + outcome.status.error_details();
      if (!is_good) return;
      said += outcome.results.at(v1::Result::REPORT) + outcome.summary->ShortDebugString();
    };
    run(series(), true);
    auto slices = series();
    for (const std::uint32_t where : {tag::position, tag::orientation, tag::pixel_spacing, tag::slope, tag::photometric,
                                      tag::sop_class, tag::rescale_type}) {
      slices = series();
      slices[1].text(where, "LO", "PLANTED");
      run(slices, false);
    }
    slices = series();
    slices[1].text(tag::series, "UI", "PLANTED");
    run(slices, false);
    slices = series();
    slices.erase(slices.begin() + 1);
    run(slices, false);
  }
  CHECK_THAT(log.text(), Contains("INVALID_ARGUMENT") && !Contains("PLANTED"));
  CHECK_THAT(said, Contains("PhotometricInterpretation") && !Contains("PLANTED"));
}

TEST_CASE("an archive that is no series is refused") {
  const ServerFixture server;
  const Files files{std::string("PK\3\4", 4) + std::string(200, 'x')};
  const SegmentOutcome outcome = segment_files(server, files);
  CHECK(outcome.status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK_THAT(outcome.status.error_message(), Contains("archive: "));
  const Files two{files[0], text_of(dicom_bytes(ct_slice(0)))};
  CHECK_THAT(segment_files(server, two).status.error_message(), Contains("an archive is the only one"));
}

TEST_CASE("a DICOM segmentation comes back of a DICOM series") {
  const ServerFixture server;
  const Files files = files_of(series());
  v1::Open open = open_files(files);
  open.mutable_options()->set_dicom_seg(true);
  const SegmentOutcome outcome = segment_files(server, files, open);
  REQUIRE(outcome.status.ok());
  CHECK(outcome.summary->warnings_size() == 0);
  CHECK(outcome.results.at(v1::Result::DICOM_SEG).substr(128, 4) == "DICM");
}

TEST_CASE("where there can be no DICOM segmentation the mask comes, and the reason") {
  const ServerFixture server;
  std::vector<DicomDataset> slices = series();
  std::string reason;
  SECTION("nothing was found") {
    for (DicomDataset& slice : slices) slice.text(tag::intercept, "DS", "-2000");
    reason = "nothing was found";
  }
  SECTION("the images have no identifiers") {
    for (DicomDataset& slice : slices) slice.text(tag::frame_of_reference, "UI", "");
    reason = "FrameOfReferenceUID is empty";
  }
  const Files files = files_of(slices);
  v1::Open open = open_files(files);
  open.mutable_options()->set_dicom_seg(true);
  const SegmentOutcome outcome = segment_files(server, files, open);
  REQUIRE(outcome.status.ok());
  CHECK(outcome.results.count(v1::Result::MASK) == 1);
  CHECK(outcome.results.count(v1::Result::DICOM_SEG) == 0);
  REQUIRE(outcome.summary->warnings_size() == 1);
  CHECK_THAT(outcome.summary->warnings(0), Contains("no DICOM segmentation: " + reason));
  CHECK_THAT(outcome.results.at(v1::Result::REPORT), Contains(reason));
}

TEST_CASE("a DICOM segmentation of another image, or on another grid, is refused") {
  const std::string image = small_image();
  v1::Open open = open_for(image);
  open.mutable_options()->set_dicom_seg(true);
  {
    const ServerFixture server;
    const SegmentOutcome outcome = segment(server.channel, open, image);
    CHECK(outcome.status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
    CHECK_THAT(outcome.status.error_message(), Contains("options.dicom_seg: the image is not one DICOM series"));
    CHECK(server.pipeline->runs == 0);
  }
  const ServerFixture server({}, [](FakePipeline& fake) { fake.description_.ends_on_input_grid = false; });
  const SegmentOutcome outcome = segment(server.channel, open, image);
  CHECK(outcome.status.error_code() == grpc::StatusCode::FAILED_PRECONDITION);
  CHECK_THAT(outcome.status.error_message(), Contains("options.dicom_seg: model 'fake' answers on another grid"));
}

}  // namespace segment_dicom_test
