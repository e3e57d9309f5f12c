#include "server/audit.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "models/sha256.h"
#include "tests/server/services/server_fixture.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace audit_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;
using nlohmann::json;

namespace {

std::vector<json> lines_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::vector<json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(json::parse(line));
  return lines;
}

AuditRecord record(const std::string& request_id) {
  AuditRecord record;
  record.request_id = request_id;
  return record;
}

std::string sum_of(const std::string& bytes) { return Sha256().add(std::as_bytes(std::span(bytes))).hex(); }

}  // namespace

TEST_CASE("each job leaves a line: who, when, by what, what came and went, and how it ended") {
  const TemporaryFolder folder;
  Settings settings;
  settings.audit_file = folder.path() / "audit";
  const ServerFixture server(settings);
  const std::string image = small_image();
  SegmentCaller caller(server.channel);
  caller.context().AddMetadata("x-voxd-client", "radiology");
  caller.context().AddMetadata("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  caller.send_all(open_for(image), image);
  const SegmentOutcome outcome = caller.finish();
  REQUIRE(outcome.status.ok());
  server.pipeline->fails = true;
  CHECK_FALSE(segment(server.channel, open_for(image), image).status.ok());
  server.wait_idle();

  const std::vector<json> lines = lines_of(settings.audit_file);
  REQUIRE(lines.size() == 2);
  const json& good = lines[0];
  CHECK(good["request_id"] == "test-1");
  CHECK(good["client"] == "radiology");
  CHECK(good["trace"] == "4bf92f3577b34da6a3ce929d0e0e4736");
  CHECK(good["model"] == "fake");
  CHECK(good["version"] == "1");
  CHECK(good["input_sha256"] == json({sum_of(image)}));
  std::vector<std::string> sums;
  for (const v1::Result::Kind kind : {v1::Result::MASK, v1::Result::CONTOUR, v1::Result::REPORT})
    sums.push_back(sum_of(outcome.results.at(kind)));
  CHECK(good["output_sha256"] == json(sums));
  CHECK(good["outcome"] == "OK");
  CHECK_THAT(good["time"].get<std::string>(), Catch::Matches("20..-..-..T..:..:..\\....Z"));
  CHECK(lines[1]["outcome"] == "INVALID_ARGUMENT");
  CHECK(lines[1]["output_sha256"].empty());
}

TEST_CASE("a file that was moved away is left alone and a new one begun") {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "audit", old = folder.path() / "audit.1";
  Audit audit(file);
  audit.write(record("first"));
  std::filesystem::rename(file, old);
  audit.write(record("second"));
  audit.reopen();
  audit.write(record("third"));
  CHECK(lines_of(old).size() == 2);
  CHECK(lines_of(file).size() == 1);
  // What is there is never written over.
  Audit(file).write(record("fourth"));
  CHECK(lines_of(file).size() == 2);
}

TEST_CASE("many threads write whole lines") {
  const TemporaryFolder folder;
  Audit audit(folder.path() / "audit");
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        for (int line = 0; line < 200; ++line) audit.write(record(std::string(500, 'x')));
      });
  }
  CHECK(lines_of(folder.path() / "audit").size() == 800);
}

TEST_CASE("what cannot be written down is not handed out") {
  Settings settings;
  settings.audit_file = "/dev/full";
  const ServerFixture server(settings);
  const std::string image = small_image();
  const SegmentOutcome outcome = segment(server.channel, open_for(image), image);
  CHECK(outcome.status.error_code() == grpc::StatusCode::UNAVAILABLE);
  CHECK_THAT(outcome.status.error_message(),
             Contains("audit: the job cannot be written down (No space left on device)"));
  CHECK(outcome.results.empty());
}

TEST_CASE("an audit file that cannot be opened is refused at start with its setting") {
  CHECK_THROWS_WITH(Audit("/nowhere/audit"), Contains("--audit-file: '/nowhere/audit'"));
}

}  // namespace audit_test
