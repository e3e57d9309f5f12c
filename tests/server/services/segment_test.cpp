#include <cstring>
#include <thread>

#include "server/decode/nifti.h"
#include "tests/server/services/server_fixture.h"
#include "tests/support/catch.h"
#include "tests/support/nifti_builder.h"

namespace segment_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

namespace {

std::string unzipped(const std::string& file) {
  const std::vector<std::byte> bytes = gunzip_bytes(std::as_bytes(std::span(file)));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

TEST_CASE("a segmented image comes back as mask, contour and report with progress on the way") {
  const ServerFixture server;
  const std::string image = small_image();
  const SegmentOutcome outcome = segment(server.channel, open_for(image), image);
  REQUIRE(outcome.status.ok());
  REQUIRE(outcome.accepted);
  CHECK(outcome.accepted->request_id() == "test-1");
  CHECK(outcome.accepted->model_version() == "1");
  CHECK(outcome.accepted->max_chunk_bytes() == 3u << 20);
  REQUIRE(outcome.summary);
  CHECK(outcome.summary->model_version() == "1");
  CHECK(outcome.summary->stage_ms().at("network") == 1);
  CHECK(outcome.summary->stage_ms_size() == kStages);
  CHECK(outcome.results.size() == 3);
  const std::string mask = unzipped(outcome.results.at(v1::Result::MASK));
  const std::string contour = unzipped(outcome.results.at(v1::Result::CONTOUR));
  REQUIRE(mask.size() == 352 + 24);
  // The ramp is 0, 1, 2, ...: the mask leaves out the first voxel, the contour the first two.
  CHECK(std::count(mask.begin() + 352, mask.end(), '\1') == 23);
  CHECK(std::count(contour.begin() + 352, contour.end(), '\1') == 22);
  CHECK_THAT(outcome.results.at(v1::Result::REPORT), Contains("\"fake\""));
}

TEST_CASE("a model that makes no contour has one made of its mask, and components are in the report") {
  const ServerFixture server({}, [](FakePipeline& fake) { fake.description_.contour_key.clear(); });
  const std::string image = small_image();
  const SegmentOutcome outcome = segment(server.channel, open_for(image), image);
  REQUIRE(outcome.status.ok());
  const std::string contour = unzipped(outcome.results.at(v1::Result::CONTOUR));
  CHECK(std::count(contour.begin() + 352, contour.end(), '\1') == 24);
  CHECK_THAT(outcome.results.at(v1::Result::REPORT), Contains("\"components\": 3"));
}

TEST_CASE("only what is asked for comes back, in the header's order") {
  const ServerFixture server;
  const std::string image = small_image();
  v1::Open open = open_for(image);
  open.mutable_options()->Clear();
  open.mutable_options()->set_omit_mask(true);
  open.mutable_options()->set_contour(true);
  const SegmentOutcome outcome = segment(server.channel, open, image);
  REQUIRE(outcome.status.ok());
  REQUIRE(outcome.results.size() == 1);
  CHECK(outcome.results.count(v1::Result::CONTOUR) == 1);
}

TEST_CASE("each label map comes in the format that is asked for, with its grid") {
  const ServerFixture server;
  const std::string image = small_image();
  v1::Open open = open_for(image);
  const SegmentOutcome compressed = segment(server.channel, open, image);
  open.mutable_options()->set_mask_format(v1::Options::RAW);
  open.mutable_options()->set_contour_format(v1::Options::NIFTI);
  const SegmentOutcome outcome = segment(server.channel, open, image);
  REQUIRE(outcome.status.ok());
  const std::string file = unzipped(compressed.results.at(v1::Result::MASK));
  CHECK(outcome.results.at(v1::Result::CONTOUR) == unzipped(compressed.results.at(v1::Result::CONTOUR)));
  // NIfTI runs the other way: its first axis is the fastest.
  const std::string& voxels = outcome.results.at(v1::Result::MASK);
  REQUIRE(voxels.size() == 24);
  const v1::Result& described = outcome.header.results(0);
  CHECK(described.media_type() == "application/octet-stream");
  CHECK(described.grid().datatype() == "UINT8");
  const auto [nx, ny, nz] = std::array{described.grid().size(0), described.grid().size(1), described.grid().size(2)};
  REQUIRE(nx * ny * nz == 24);
  for (std::uint32_t x = 0; x < nx; ++x)
    for (std::uint32_t y = 0; y < ny; ++y)
      for (std::uint32_t z = 0; z < nz; ++z)
        REQUIRE(voxels[(x * ny + y) * nz + z] == file[352 + x + nx * (y + ny * z)]);
  const Affine affine = decode_nifti(std::as_bytes(std::span(file)), allocate_host, {}).geometry.affine;
  REQUIRE(described.grid().affine_size() == 16);
  for (int i = 0; i < 16; ++i)
    CHECK(described.grid().affine(i) == affine[static_cast<std::size_t>(i / 4)][static_cast<std::size_t>(i % 4)]);
  CHECK(compressed.header.results(0).media_type() == "application/gzip");
  CHECK(compressed.header.results(0).grid().size(0) == nx);
  CHECK_FALSE(outcome.header.results(2).has_grid());
}

TEST_CASE("a preview is a PNG of the image with its mask") {
  const ServerFixture server;
  const std::string image = small_image();
  v1::Open open = open_for(image);
  open.mutable_options()->set_preview(true);
  const SegmentOutcome outcome = segment(server.channel, open, image);
  REQUIRE(outcome.status.ok());
  CHECK(outcome.results.at(v1::Result::PREVIEW).substr(1, 3) == "PNG");
}

TEST_CASE("four callers at once, ten times, get the same bytes") {
  Settings settings;
  settings.workers = 2;
  const ServerFixture server(settings);
  const std::string image = small_image();
  const std::string expected = unzipped(segment(server.channel, open_for(image), image).results.at(v1::Result::MASK));
  for (int round = 0; round < 10; ++round) {
    std::array<SegmentOutcome, 4> outcomes;
    {
      std::vector<std::jthread> callers;
      for (SegmentOutcome& outcome : outcomes)
        callers.emplace_back([&] { outcome = segment(connect(*server.app), open_for(image), image); });
    }
    for (const SegmentOutcome& outcome : outcomes) {
      REQUIRE(outcome.status.ok());
      CHECK(unzipped(outcome.results.at(v1::Result::MASK)) == expected);
    }
  }
}

TEST_CASE("the models are listed with what they are for") {
  const ServerFixture server;
  grpc::ClientContext context;
  v1::ListModelsResponse response;
  REQUIRE(server.segmentation()->ListModels(&context, {}, &response).ok());
  REQUIRE(response.models_size() == 1);
  CHECK(response.models(0).name() == "fake");
  CHECK(response.models(0).ready());
  CHECK(response.models(0).task() == "finds what is above one half");
}

TEST_CASE("probabilities come back as a file of float32") {
  const ServerFixture server;
  const std::string image = small_image();
  v1::Open open = open_for(image);
  open.mutable_options()->set_probabilities(true);
  const SegmentOutcome outcome = segment(server.channel, open, image);
  REQUIRE(outcome.status.ok());
  const std::string file = unzipped(outcome.results.at(v1::Result::PROBABILITIES));
  REQUIRE(file.size() == 352 + 2 * 24 * sizeof(float));
  float last = 0;
  std::memcpy(&last, file.data() + file.size() - sizeof last, sizeof last);
  CHECK(last == 47);
}

}  // namespace segment_test
