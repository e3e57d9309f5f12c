#include "tests/server/services/server_fixture.h"
#include "tests/support/catch.h"

namespace segment_refusal_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

namespace {

// What a refusal that comes before any chunk looks like.
SegmentOutcome refused(const ServerFixture& server, const v1::Open& open) {
  SegmentCaller caller(server.channel);
  caller.send(open);
  SegmentOutcome outcome = caller.finish();
  CHECK_FALSE(outcome.accepted);
  server.wait_idle();
  CHECK(server.pipeline->runs == 0);
  return outcome;
}

}  // namespace

TEST_CASE("an Open that cannot be served is refused before any chunk") {
  const ServerFixture server;
  const std::string image = small_image();
  v1::Open open = open_for(image);
  grpc::StatusCode code = grpc::StatusCode::INVALID_ARGUMENT;
  std::string text;
  SECTION("unknown model") {
    open.set_model("nothing");
    code = grpc::StatusCode::NOT_FOUND;
    text = "unknown model: 'nothing'";
  }
  SECTION("a model name with a path in it") {
    open.set_model("../fake");
    code = grpc::StatusCode::NOT_FOUND;
    text = "unknown model";
  }
  SECTION("a version that is no number") {
    open.set_model_version("one");
    code = grpc::StatusCode::NOT_FOUND;
    text = "version";
  }
  SECTION("no part") {
    open.clear_parts();
    text = "parts: 0";
  }
  SECTION("a part without an id") {
    open.mutable_parts(0)->set_id("");
    text = "parts[0].id";
  }
  SECTION("two parts with one id") {
    *open.add_parts() = open.parts(0);
    text = "parts[1].id: 'p' occurs twice";
  }
  SECTION("an empty part") {
    open.mutable_parts(0)->set_byte_size(0);
    text = "parts[0].byte_size: 0";
  }
  SECTION("a part beyond the limit") {
    open.mutable_parts(0)->set_byte_size(std::uint64_t{1} << 63);
    text = "parts[0].byte_size: 9223372036854775808 bytes, from 1 to 671088640";
  }
  SECTION("parts beyond the limit together") {
    open.mutable_parts(0)->set_byte_size(400u << 20);
    *open.add_parts() = open.parts(0);
    open.mutable_parts(1)->set_id("q");
    text = "parts: 838860800 bytes together, at most 671088640";
  }
  SECTION("too many parts") {
    for (int i = 0; i < 4096; ++i) open.add_parts()->set_id(std::to_string(i));
    text = "parts: 4097, from 1 to 4096";
  }
  SECTION("an unknown format") {
    open.mutable_parts(0)->set_format("jpeg");
    text = "parts[0].format: 'jpeg'";
  }
  SECTION("a request id with a line break") {
    open.set_request_id("a\nb");
    text = "request_id: 'a\\x0ab'";
  }
  SECTION("nothing asked for") {
    open.mutable_options()->Clear();
    open.mutable_options()->set_omit_mask(true);
    text = "options: no result is asked for";
  }
  const grpc::Status status = refused(server, open).status;
  CHECK(status.error_code() == code);
  INFO(status.error_message());
  CHECK_THAT(status.error_message(), Contains(text));
}

TEST_CASE("a preview is refused where the chain does not end on the image's grid") {
  const ServerFixture server({}, [](FakePipeline& fake) { fake.description_.ends_on_input_grid = false; });
  const std::string image = small_image();
  v1::Open open = open_for(image);
  open.mutable_options()->set_preview(true);
  const grpc::Status status = refused(server, open).status;
  CHECK(status.error_code() == grpc::StatusCode::FAILED_PRECONDITION);
  CHECK_THAT(status.error_message(), Contains("options.preview: model 'fake'"));
  open.mutable_options()->set_preview(false);
  CHECK(segment(server.channel, open, image).status.ok());
}

TEST_CASE("a call beyond the number in flight is refused with a time to try again") {
  Settings settings;
  settings.queue_jobs = 1;
  const ServerFixture server(settings);
  SegmentCaller first(server.channel);
  first.send(open_for(small_image()));
  REQUIRE(first.wait_for_accepted());
  SegmentCaller second(server.channel);
  second.send(open_for(small_image()));
  const SegmentOutcome outcome = second.finish();
  CHECK(outcome.status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK_THAT(outcome.status.error_message(), Contains("1 calls in flight, at most 1"));
  CHECK(second.context().GetServerTrailingMetadata().count("grpc-retry-pushback-ms") == 1);
  first.context().TryCancel();
  CHECK(first.finish().status.error_code() == grpc::StatusCode::CANCELLED);
}

TEST_CASE("a call beyond the bytes in flight is refused") {
  Settings settings;
  settings.max_image_bytes = 1000;
  settings.queue_bytes = 1000;
  const ServerFixture server(settings);
  SegmentCaller first(server.channel);
  first.send(open_for(std::string(600, 'x')));
  REQUIRE(first.wait_for_accepted());
  SegmentCaller second(server.channel);
  second.send(open_for(std::string(401, 'x')));
  const SegmentOutcome outcome = second.finish();
  CHECK(outcome.status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK_THAT(outcome.status.error_message(), Contains("401 bytes asked for, 600 in flight, at most 1000"));
  first.context().TryCancel();
  first.finish();
}

TEST_CASE("chunks that do not fit what was announced end the call") {
  const ServerFixture server;
  const std::string image = small_image();
  std::string text;
  SegmentCaller caller(server.channel);
  caller.send(open_for(image));
  REQUIRE(caller.wait_for_accepted());
  SECTION("a gap") {
    caller.send("p", 1, image.substr(1));
    text = "chunk.offset: 1 for part 'p', expected 0";
  }
  SECTION("a repetition") {
    caller.send("p", 0, image.substr(0, 10));
    caller.send("p", 0, image.substr(0, 10));
    text = "chunk.offset: 0 for part 'p', expected 10";
  }
  SECTION("bytes past the end") {
    caller.send("p", 0, image + "x");
    text = "bytes for part 'p'";
  }
  SECTION("an unknown part") {
    caller.send("q", 0, image);
    text = "chunk.part_id: 'q' was not announced";
  }
  SECTION("an empty chunk") {
    caller.send("p", 0, "");
    text = "chunk.data: 0 bytes";
  }
  SECTION("a chunk that is too large") {
    caller.send("p", 0, std::string((3u << 20) + 1, 'x'));
    text = "chunk.data: 3145729 bytes";
  }
  SECTION("a second open") {
    caller.send(open_for(image));
    text = "a second open";
  }
  SECTION("too few bytes") {
    caller.send("p", 0, image.substr(0, 10));
    text = "part 'p': 10 bytes arrived";
  }
  caller.end_upload();
  const SegmentOutcome outcome = caller.finish();
  CHECK(outcome.status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  INFO(outcome.status.error_message());
  CHECK_THAT(outcome.status.error_message(), Contains(text));
  server.wait_idle();
  CHECK(server.pipeline->runs == 0);
  CHECK(segment(server.channel, open_for(image), image).status.ok());
}

TEST_CASE("a chunk before open, or no message at all, is an error") {
  const ServerFixture server;
  SegmentCaller caller(server.channel);
  SECTION("chunk first") { caller.send("p", 0, "x"); }
  SECTION("nothing") { caller.end_upload(); }
  CHECK(caller.finish().status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_CASE("a file cut off at any byte is one clear error and the next call works") {
  const ServerFixture server;
  const std::string image = small_image();
  for (std::size_t length = 1; length < image.size(); length += 7) {
    const std::string cut = image.substr(0, length);
    const SegmentOutcome outcome = segment(server.channel, open_for(cut), cut);
    INFO(length << ": " << outcome.status.error_message());
    CHECK(outcome.status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
    CHECK_FALSE(outcome.status.error_message().empty());
    CHECK_THAT(outcome.status.error_message(), !Contains("\n"));
  }
  CHECK(server.pipeline->runs == 0);
  CHECK(segment(server.channel, open_for(image), image).status.ok());
}

TEST_CASE("an image that needs more than a job may have is refused with both numbers") {
  Settings settings;
  settings.budget_bytes = 100;
  const ServerFixture server(settings);
  const std::string image = small_image();
  const grpc::Status status = segment(server.channel, open_for(image), image).status;
  CHECK(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK_THAT(status.error_message(), Contains("needs up to 192 bytes of working memory, at most 100"));
}

TEST_CASE("a part that names a channel which the model does not have is refused before any chunk") {
  const ServerFixture server({}, [](FakePipeline& fake) { fake.description_.channel_names = {"CT"}; });
  const std::string image = small_image();
  v1::Open open = open_for(image);
  open.mutable_parts(0)->set_channel("MR");
  const SegmentOutcome outcome = segment(server.channel, open, image);
  CHECK(outcome.status.error_message() == "parts[0].channel: 'MR', model 'fake' has 'CT'");
  CHECK_FALSE(outcome.accepted);

  open.mutable_parts(0)->set_channel("CT");
  CHECK(segment(server.channel, open, image).status.ok());
}

TEST_CASE("a format that is not known is refused before any chunk") {
  const ServerFixture server;
  const std::string image = small_image();
  v1::Open open = open_for(image);
  open.mutable_options()->set_contour_format(static_cast<v1::Options::LabelFormat>(3));
  const SegmentOutcome outcome = segment(server.channel, open, image);
  CHECK(outcome.status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(outcome.status.error_message() == "options.contour_format: 3, known are 0 to 2");
  CHECK_FALSE(outcome.accepted);
}

TEST_CASE("probabilities that a chain does not have are refused before any chunk") {
  const ServerFixture server({}, [](FakePipeline& fake) { fake.description_.has_probabilities = false; });
  const std::string image = small_image();
  v1::Open open = open_for(image);
  open.mutable_options()->set_probabilities(true);
  const SegmentOutcome outcome = segment(server.channel, open, image);
  CHECK(outcome.status.error_code() == grpc::StatusCode::FAILED_PRECONDITION);
  CHECK_THAT(outcome.status.error_message(), Contains("options.probabilities: model 'fake' has none"));
  CHECK_FALSE(outcome.accepted);
}

}  // namespace segment_refusal_test
