#include <thread>

#include "tests/server/services/server_fixture.h"
#include "tests/support/catch.h"
#include "tests/support/nifti_builder.h"

using namespace voxd;
using namespace voxd::test;

namespace {

std::string unzipped(const std::string& file) {
  const std::vector<std::byte> bytes = gunzip_bytes(std::as_bytes(std::span(file)));
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

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
  CHECK(contains(outcome.results.at(v1::Result::REPORT), "\"fake\""));
}

TEST_CASE("stages that last are reported while they last") {
  ServerFixture server;
  Gate gate;
  server.pipeline->during_network = [&gate](const JobContext& context) { gate.pass(context); };
  const std::string image = small_image();
  SegmentCaller caller(server.channel);
  caller.send(open_for(image));
  caller.send("p", 0, image);
  caller.end_upload();
  CHECK(caller.wait_for(v1::Progress::NETWORK));
  gate.open();
  CHECK(caller.finish().status.ok());
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

TEST_CASE("a preview is a PNG of the image with its mask") {
  const ServerFixture server;
  const std::string image = small_image();
  v1::Open open = open_for(image);
  open.mutable_options()->set_preview(true);
  const SegmentOutcome outcome = segment(server.channel, open, image);
  REQUIRE(outcome.status.ok());
  CHECK(outcome.results.at(v1::Result::PREVIEW).substr(1, 3) == "PNG");
}

TEST_CASE("a preview is refused where the chain does not end on the image's grid") {
  const ServerFixture server;
  server.pipeline->keeps_grid = false;
  const std::string image = small_image();
  v1::Open open = open_for(image);
  CHECK(segment(server.channel, open, image).status.ok());
  open.mutable_options()->set_preview(true);
  const grpc::Status status = segment(server.channel, open, image).status;
  CHECK(status.error_code() == grpc::StatusCode::FAILED_PRECONDITION);
  CHECK(contains(status.error_message(), "preview"));
}

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
  CHECK(contains(status.error_message(), text));
}

TEST_CASE("a contour is refused for a model that makes none") {
  const ServerFixture server;
  server.pipeline->description_.contour_key.clear();
  const SegmentOutcome outcome = refused(server, open_for(small_image()));
  CHECK(outcome.status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
  CHECK(contains(outcome.status.error_message(), "options.contour"));
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
  CHECK(contains(outcome.status.error_message(), "1 calls in flight, at most 1"));
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
  CHECK(contains(outcome.status.error_message(), "401 bytes asked for, 600 in flight, at most 1000"));
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
  CHECK(contains(outcome.status.error_message(), text));
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
    CHECK_FALSE(contains(outcome.status.error_message(), "\n"));
  }
  CHECK(server.pipeline->runs == 0);
  CHECK(segment(server.channel, open_for(image), image).status.ok());
}

TEST_CASE("a job whose deadline passes in the queue is answered while the worker is busy") {
  ServerFixture server;
  Gate gate;
  server.pipeline->during_network = [&gate](const JobContext& context) { gate.pass(context); };
  const std::string image = small_image();
  SegmentCaller running(server.channel);
  running.send(open_for(image));
  running.send("p", 0, image);
  running.end_upload();
  gate.wait_for_arrivals(1);

  SegmentCaller waiting(server.channel);
  waiting.context().set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
  waiting.send(open_for(image));
  waiting.send("p", 0, image);
  waiting.end_upload();
  CHECK(waiting.finish().status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
  while (server.app->admission().calls() > 1) std::this_thread::yield();
  CHECK(server.app->queue().size() == 0);
  CHECK(server.app->workers().running() == 1);
  gate.open();
  CHECK(running.finish().status.ok());
  server.wait_idle();
  CHECK(server.pipeline->runs == 1);
}

TEST_CASE("a call that is cancelled frees what it holds, wherever it is") {
  ServerFixture server;
  Gate gate;
  server.pipeline->during_network = [&gate](const JobContext& context) { gate.pass(context); };
  const std::string image = small_image();
  SegmentCaller caller(server.channel);
  std::optional<SegmentCaller> other;
  SECTION("before the open message") { caller.context().TryCancel(); }
  SECTION("while it uploads") {
    caller.send(open_for(image));
    REQUIRE(caller.wait_for_accepted());
    caller.send("p", 0, image.substr(0, 10));
  }
  SECTION("while it waits in the queue") {
    other.emplace(server.channel);
    other->send(open_for(image));
    other->send("p", 0, image);
    other->end_upload();
    gate.wait_for_arrivals(1);
    caller.send(open_for(image));
    caller.send("p", 0, image);
    caller.end_upload();
    REQUIRE(caller.wait_for(v1::Progress::QUEUE));
  }
  SECTION("while it runs") {
    caller.send(open_for(image));
    caller.send("p", 0, image);
    caller.end_upload();
    gate.wait_for_arrivals(1);
  }
  caller.context().TryCancel();
  caller.end_upload();
  CHECK(caller.finish().status.error_code() == grpc::StatusCode::CANCELLED);
  while (server.app->admission().calls() > (other ? 1 : 0)) std::this_thread::yield();
  if (other) {
    CHECK(server.pipeline->runs == 1);
    gate.open();
    CHECK(other->finish().status.ok());
  }
  server.wait_idle();
  CHECK(server.app->admission().bytes() == 0);
  gate.open();
  CHECK(segment(server.channel, open_for(image), image).status.ok());
}

TEST_CASE("a caller that is cancelled while results are sent leaves nothing behind") {
  const ServerFixture server;
  NiftiSpec spec;
  spec.ramp(160, 160, 160);
  for (std::size_t i = 0; i < spec.values.size(); ++i)
    spec.values[i] = static_cast<double>((i * 2654435761u) >> 16 & 1);
  const std::vector<std::byte> bytes = nifti_bytes(spec);
  const std::string image(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  SegmentCaller caller(server.channel);
  caller.send(open_for(image));
  for (std::size_t offset = 0; offset < image.size(); offset += 1u << 20)
    caller.send("p", offset, image.substr(offset, 1u << 20));
  caller.end_upload();
  REQUIRE(caller.wait_for_accepted());
  while (server.pipeline->runs == 0) std::this_thread::yield();
  while (server.app->workers().running() > 0) std::this_thread::yield();
  caller.context().TryCancel();
  caller.finish();
  server.wait_idle();
  CHECK(server.app->admission().bytes() == 0);
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

TEST_CASE("an image that needs more than a job may have is refused with both numbers") {
  Settings settings;
  settings.budget_bytes = 100;
  const ServerFixture server(settings);
  const std::string image = small_image();
  const grpc::Status status = segment(server.channel, open_for(image), image).status;
  CHECK(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK(contains(status.error_message(), "needs up to 192 bytes of working memory, at most 100"));
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
