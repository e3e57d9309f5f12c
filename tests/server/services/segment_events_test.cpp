#include "server/segment_events.h"

#include "tests/support/catch.h"

namespace segment_events_test {

using namespace voxd;

namespace {

SegmentationResult result_with(std::vector<std::size_t> sizes) {
  SegmentationResult result;
  const ResultKind kinds[] = {ResultKind::mask, ResultKind::contour, ResultKind::preview, ResultKind::report};
  for (std::size_t i = 0; i < sizes.size(); ++i)
    result.files.push_back({kinds[i], "x/y", std::vector<std::byte>(sizes[i], static_cast<std::byte>(i))});
  return result;
}

}  // namespace

TEST_CASE("without anything to say there is no event") {
  SegmentEvents events;
  v1::SegmentEvent event;
  CHECK_FALSE(events.next(event));
  CHECK_FALSE(events.complete());
}

TEST_CASE("Accepted goes first and only the newest progress is told") {
  SegmentEvents events;
  events.progress(to_proto({Stage::queue, 0, 3}));
  events.accept({});
  events.progress(to_proto({Stage::network, 0.5, 0}));
  v1::SegmentEvent event;
  REQUIRE(events.next(event));
  CHECK(event.has_accepted());
  REQUIRE(events.next(event));
  CHECK(event.progress().stage() == v1::Progress::NETWORK);
  CHECK(event.progress().fraction() == 0.5f);
  CHECK_FALSE(events.next(event));
}

TEST_CASE("results follow their header in order and in chunks of 1 MiB, and the summary ends them") {
  constexpr std::size_t mib = std::size_t{1} << 20;
  SegmentEvents events;
  events.progress(to_proto({Stage::encode, 0, 0}));
  events.result(result_with({2 * mib, 0, mib + 1}), "7");
  v1::SegmentEvent event;
  REQUIRE(events.next(event));
  REQUIRE(event.result_header().results_size() == 3);
  CHECK(event.result_header().results(0).kind() == v1::Result::MASK);
  CHECK(event.result_header().results(2).byte_size() == mib + 1);
  struct Chunk {
    std::uint32_t result;
    std::uint64_t offset;
    std::size_t size;
  };
  for (const Chunk& expected : {Chunk{0, 0, mib}, Chunk{0, mib, mib}, Chunk{2, 0, mib}, Chunk{2, mib, 1}}) {
    REQUIRE(events.next(event));
    CHECK(event.result_chunk().result() == expected.result);
    CHECK(event.result_chunk().offset() == expected.offset);
    CHECK(event.result_chunk().data() == std::string(expected.size, static_cast<char>(expected.result)));
  }
  CHECK_FALSE(events.complete());
  REQUIRE(events.next(event));
  CHECK(event.summary().model_version() == "7");
  CHECK(event.summary().stage_ms_size() == kStages);
  CHECK(events.complete());
  CHECK_FALSE(events.next(event));
}

}  // namespace segment_events_test
