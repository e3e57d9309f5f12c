#include "client/result_collector.h"

#include "tests/support/catch.h"

namespace voxd {
namespace {

using Announced = std::vector<std::pair<v1::Result::Kind, std::uint64_t>>;

v1::ResultHeader header(const Announced& results) {
  v1::ResultHeader header;
  for (const auto& [kind, size] : results) {
    header.add_results()->set_kind(kind);
    header.mutable_results()->rbegin()->set_byte_size(size);
  }
  return header;
}

v1::ResultChunk chunk(std::uint32_t result, std::uint64_t offset, const std::string& data) {
  v1::ResultChunk chunk;
  chunk.set_result(result);
  chunk.set_offset(offset);
  chunk.set_data(data);
  return chunk;
}

bool is_data_loss(const Error& error) { return error.code() == Code::data_loss; }

#define REQUIRE_DATA_LOSS(act) REQUIRE_THROWS_MATCHES(act, Error, Catch::Predicate<Error>(is_data_loss))

TEST_CASE("results whose chunks interleave are put together", "[client]") {
  ResultCollector collector(100);
  collector.take(header({{v1::Result::CONTOUR, 4}, {v1::Result::MASK, 3}}));
  collector.take(chunk(1, 0, "ma"));
  collector.take(chunk(0, 0, "cont"));
  collector.take(chunk(1, 2, "s"));
  collector.take(v1::Summary());
  const SegmentationOutcome outcome = collector.finish({});
  CHECK(outcome.mask == "mas");
  CHECK(outcome.contour == "cont");
}

TEST_CASE("a label map's grid is told", "[client]") {
  ResultCollector collector(100);
  v1::ResultHeader announced = header({{v1::Result::MASK, 1}});
  v1::LabelGrid& grid = *announced.mutable_results(0)->mutable_grid();
  grid.set_datatype("UINT16");
  for (const std::uint32_t voxels : {5u, 6u, 7u}) grid.add_size(voxels);
  for (int i = 0; i < 15; ++i) grid.add_affine(i);
  REQUIRE_DATA_LOSS(collector.take(announced));

  ResultCollector again(100);
  grid.add_affine(15);
  again.take(announced);
  again.take(chunk(0, 0, "m"));
  again.take(v1::Summary());
  const SegmentationOutcome outcome = again.finish({});
  CHECK(outcome.mask_grid.datatype == "UINT16");
  CHECK(outcome.mask_grid.size == std::array<std::int64_t, 3>{5, 6, 7});
  CHECK(outcome.mask_grid.affine[15] == 15);
  CHECK(outcome.contour_grid.datatype.empty());
}

TEST_CASE("a header that contradicts itself or the limit is refused", "[client]") {
  ResultCollector collector(100);
  SECTION("twice the same kind") {
    REQUIRE_DATA_LOSS(collector.take(header({{v1::Result::MASK, 1}, {v1::Result::MASK, 1}})));
  }
  SECTION("a kind that is not known") {
    REQUIRE_DATA_LOSS(collector.take(header({{v1::Result::KIND_UNSPECIFIED, 1}})));
  }
  SECTION("one byte over the limit") { REQUIRE_DATA_LOSS(collector.take(header({{v1::Result::MASK, 101}}))); }
  SECTION("a second header") {
    collector.take(header({{v1::Result::MASK, 100}}));
    REQUIRE_DATA_LOSS(collector.take(header({{v1::Result::CONTOUR, 1}})));
  }
}

TEST_CASE("a chunk that does not continue its result is refused", "[client]") {
  ResultCollector collector(100);
  SECTION("before the header") { REQUIRE_DATA_LOSS(collector.take(chunk(0, 0, "x"))); }
  collector.take(header({{v1::Result::MASK, 4}}));
  collector.take(chunk(0, 0, "ma"));
  SECTION("of no announced result") { REQUIRE_DATA_LOSS(collector.take(chunk(1, 0, "x"))); }
  SECTION("with a gap") { REQUIRE_DATA_LOSS(collector.take(chunk(0, 3, "k"))); }
  SECTION("again") { REQUIRE_DATA_LOSS(collector.take(chunk(0, 0, "ma"))); }
  SECTION("past the end") { REQUIRE_DATA_LOSS(collector.take(chunk(0, 2, "sks"))); }
}

TEST_CASE("an answer that is not whole names what is missing", "[client]") {
  ResultCollector collector(100);
  collector.take(header({{v1::Result::MASK, 4}}));
  SegmentationInput input;
  SECTION("bytes") {
    collector.take(chunk(0, 0, "mas"));
    collector.take(v1::Summary());
    REQUIRE_THROWS_WITH(collector.finish(input), Catch::Contains("mask ends after 3 of 4 bytes"));
  }
  SECTION("the summary") {
    collector.take(chunk(0, 0, "mask"));
    REQUIRE_THROWS_WITH(collector.finish(input), Catch::Contains("summary"));
  }
  SECTION("a result that was asked for") {
    collector.take(chunk(0, 0, "mask"));
    collector.take(v1::Summary());
    input.preview = true;
    REQUIRE_THROWS_WITH(collector.finish(input), Catch::Contains("no preview"));
  }
}

}  // namespace
}  // namespace voxd
