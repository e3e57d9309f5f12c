#include <thread>

#include "tests/server/services/server_fixture.h"
#include "tests/support/catch.h"

namespace scheduling_test {

// The queue's rules as a caller meets them.
using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;
using Catch::Matchers::Matches;

namespace {

struct NamedCaller : SegmentCaller {
  NamedCaller(const ServerFixture& server, const std::string& name) : SegmentCaller(server.channel) {
    context().AddMetadata("x-voxd-client", name);
  }
};

/// The server has learnt that a job takes that long.
void teach(const ServerFixture& server, const std::string& image, double seconds) {
  for (int i = 0; i < 50; ++i)
    server.app->records().estimates.record("fake", static_cast<std::int64_t>(image.size()), seconds);
}

std::string pushback_of(SegmentCaller& caller) {
  const auto& trailers = caller.context().GetServerTrailingMetadata();
  const auto found = trailers.find("grpc-retry-pushback-ms");
  return found == trailers.end() ? "" : std::string(found->second.data(), found->second.size());
}

}  // namespace

TEST_CASE("one client cannot take all of the server") {
  Settings settings;
  settings.queue_jobs = 4;
  settings.client_share = 0.5;
  Gate gate;
  const ServerFixture server(gate, settings);
  const std::string image = small_image();
  std::vector<std::unique_ptr<NamedCaller>> callers;
  const auto admitted = [&](const std::string& name) {
    callers.push_back(std::make_unique<NamedCaller>(server, name));
    callers.back()->send(open_for(image));
    return callers.back()->wait_for_accepted();
  };
  CHECK(admitted("greedy"));
  CHECK(admitted("greedy"));
  CHECK_FALSE(admitted("greedy"));
  const grpc::Status status = callers.back()->finish().status;
  callers.pop_back();
  CHECK(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK_THAT(status.error_message(), Contains("2 calls in flight, at most 2 (--client-share)"));
  CHECK(admitted("emergency-room"));
  for (const auto& caller : callers) caller->context().TryCancel();
  for (const auto& caller : callers) caller->finish();
  gate.open();
  server.wait_idle();
}

TEST_CASE("who would wait in vain is refused before the upload, and one that has time is not") {
  Gate gate;
  const ServerFixture server(gate);
  const std::string image = small_image();
  teach(server, image, 1000);
  SegmentCaller running(server.channel);
  running.send_all(open_for(image), image);
  gate.wait_for_arrivals(1);

  SegmentCaller hurried(server.channel);
  hurried.context().set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  hurried.send(open_for(image));
  const SegmentOutcome outcome = hurried.finish();
  CHECK_FALSE(outcome.accepted);
  CHECK(outcome.status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
  CHECK_THAT(outcome.status.error_message(), Contains("the wait in the queue is estimated at"));

  SegmentCaller patient(server.channel);
  patient.context().set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(3000));
  patient.send_all(open_for(image), image);
  CHECK(patient.wait_for(v1::Progress::QUEUE));
  gate.open();
  const SegmentOutcome served = patient.finish();
  CHECK(served.status.ok());
  const v1::Progress* queued = nullptr;
  for (const v1::Progress& progress : served.progress)
    if (progress.stage() == v1::Progress::QUEUE) queued = &progress;
  REQUIRE(queued);
  CHECK(queued->queue_position() == 0);
  CHECK(queued->wait_seconds() > 900);
  CHECK(queued->wait_seconds() <= 1000);
  CHECK(running.finish().status.ok());
}

TEST_CASE("a call that is refused for load is told when to come again, by what is waiting") {
  Settings settings;
  settings.queue_jobs = 1;
  Gate gate;
  const ServerFixture server(gate, settings);
  const std::string image = small_image();
  teach(server, image, 12);
  SegmentCaller running(server.channel);
  running.send_all(open_for(image), image);
  gate.wait_for_arrivals(1);
  SegmentCaller refused(server.channel);
  refused.send(open_for(image));
  CHECK(refused.finish().status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK_THAT(pushback_of(refused), Matches("1[01][0-9]{3}|12000"));
  gate.open();
  CHECK(running.finish().status.ok());
}

TEST_CASE("a priority beyond its range is refused with the range") {
  const ServerFixture server;
  const std::string image = small_image();
  for (const int priority : {-11, 11, INT32_MIN}) {
    v1::Open open = open_for(image);
    open.mutable_options()->set_priority(priority);
    const grpc::Status status = segment(server.channel, open, image).status;
    CHECK(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
    CHECK_THAT(status.error_message(), Contains("options.priority: " + std::to_string(priority) + ", from -10 to 10"));
  }
}

TEST_CASE("a model's own limits hold while others are served") {
  Settings settings;
  settings.workers = 2;
  Gate gate;
  const ServerFixture server(settings, [&](FakePipeline& fake) {
    fake.gate = &gate;
    fake.description_.most_running = 1;
    fake.description_.most_waiting = 1;
  });
  const std::string image = small_image();
  SegmentCaller running(server.channel), waiting(server.channel), refused(server.channel);
  running.send_all(open_for(image), image);
  gate.wait_for_arrivals(1);
  waiting.send_all(open_for(image), image);
  CHECK(waiting.wait_for(v1::Progress::QUEUE));
  CHECK(server.app->workers().running() == 1);  // the other worker may not take it
  refused.send_all(open_for(image), image);
  const grpc::Status status = refused.finish().status;
  CHECK(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  CHECK_THAT(status.error_message(), Contains("jobs of model 'fake' wait, at most 1"));
  gate.open();
  CHECK(running.finish().status.ok());
  CHECK(waiting.finish().status.ok());
}

TEST_CASE("a job waits until its memory is free, and one that needs more than there is is refused with the numbers") {
  const std::string image = small_image();
  // The fake needs 8 bytes a voxel beside the image, which is smaller than that.
  const auto voxels = static_cast<std::int64_t>(image.size() - 352) / 2;
  Settings settings;
  settings.workers = 2;
  SECTION("there is room for one") {
    settings.host_memory = 12 * voxels;
    Gate gate;
    const ServerFixture server(gate, settings);
    SegmentCaller first(server.channel), second(server.channel);
    first.send_all(open_for(image), image);
    gate.wait_for_arrivals(1);
    second.send_all(open_for(image), image);
    CHECK(second.wait_for(v1::Progress::DECODE));
    while (server.app->workers().running() < 2) std::this_thread::yield();
    CHECK(server.pipeline->runs == 1);
    gate.open();
    CHECK(first.finish().status.ok());
    CHECK(second.finish().status.ok());
  }
  SECTION("there is room for none") {
    settings.host_memory = 6 * voxels;
    const ServerFixture server(settings);
    const grpc::Status status = segment(server.channel, open_for(image), image).status;
    CHECK(status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
    CHECK_THAT(status.error_message(), Contains("at most " + std::to_string(6 * voxels) + " (--host-memory)"));
    CHECK(server.pipeline->runs == 0);
  }
}

TEST_CASE("where memory runs out the cache is emptied and the job run once more, one window at a time") {
  const std::string image = small_image();
  int failures = 1;
  bool succeeds = true;
  SECTION("which helps") {}
  SECTION("which does not help") {
    failures = 2;
    succeeds = false;
  }
  const ServerFixture server({}, [&](FakePipeline& fake) { fake.out_of_memory = failures; });
  const grpc::Status status = segment(server.channel, open_for(image), image).status;
  CHECK(status.error_code() == (succeeds ? grpc::StatusCode::OK : grpc::StatusCode::RESOURCE_EXHAUSTED));
  CHECK(server.pipeline->runs == 2);
  CHECK(server.pipeline->most_windows == 1);
  CHECK(segment(server.channel, open_for(image), image).status.ok());  // the next job is as ever
  CHECK(server.pipeline->most_windows == 0);
}

}  // namespace scheduling_test
