#include "server/metrics.h"

#include <regex>
#include <set>

#include "server/admission.h"
#include "tests/server/services/server_fixture.h"
#include "tests/support/catch.h"

namespace metrics_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;

namespace {

ServerState some_state() {
  ServerState state;
  state.calls = 3;
  state.work_seconds = 2.5;
  state.pools = {{"host", 100, 50}};
  state.budgets = {{"host", 7, 9}};
  state.models = {{"spleen", "1", true}, {"liver", "2", false}};
  return state;
}

Metrics& filled(Metrics& metrics) {
  metrics.call_ended("Segment", "OK", 1000, 10);
  metrics.call_refused(name_of(Refusal::calls));
  metrics.job_done("spleen", {1, 2, 3, 4, 5, 6}, 0.5);
  metrics.ended_early("cancelled", "network");
  metrics.model_changed("load", false);
  return metrics;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace

TEST_CASE("what is counted is told, in seconds and bytes") {
  Metrics metrics("1.2.3");
  const std::string text = filled(metrics).text(some_state());
  for (const char* line :
       {"voxd_build_info{version=\"1.2.3\"} 1", "voxd_calls_total{code=\"OK\",rpc=\"Segment\"} 1",
        "voxd_calls_refused_total{reason=\"calls\"} 1",
        "voxd_calls_ended_early_total{cause=\"cancelled\",stage=\"network\"} 1", "voxd_received_bytes_total 1000",
        "voxd_sent_bytes_total 10", "voxd_calls_in_flight 3", "voxd_queue_work_seconds 2.5",
        "voxd_stage_seconds_count{model=\"spleen\",stage=\"network\"} 1",
        "voxd_stage_seconds_sum{model=\"spleen\",stage=\"network\"} 0.004", "voxd_wait_estimate_error_seconds_sum 0.5",
        "voxd_memory_pool_bytes{pool=\"host\",state=\"cached\"} 50", "voxd_memory_budget_used_bytes{memory=\"host\"} 7",
        "voxd_memory_budget_bytes{memory=\"host\"} 9", "voxd_model_ready{model=\"liver\",version=\"2\"} 0",
        "voxd_model_changes_total{kind=\"load\",outcome=\"failed\"} 1"})
    CHECK_THAT(text, Contains(line));
}

TEST_CASE("a model that has gone is not told of any more") {
  Metrics metrics("1");
  ServerState state = some_state();
  metrics.text(state);
  state.models.pop_back();
  const std::string text = metrics.text(state);
  CHECK_THAT(text, Contains("spleen"));
  CHECK_THAT(text, !Contains("liver"));
}

// Prometheus' rules, as promtool checks them: a help text and a type for each, names in lower case with the unit in
// full, counters and nothing else end in _total.
TEST_CASE("names follow Prometheus' rules") {
  Metrics metrics("1");
  const std::string text = filled(metrics).text(some_state());
  std::set<std::string> helped, typed;
  for (const std::string& line : lines_of(text)) {
    std::smatch match;
    if (std::regex_match(line, match, std::regex("# HELP (\\S+) .+\\."))) helped.insert(match[1]);
    if (!std::regex_match(line, match, std::regex("# TYPE (\\S+) (\\S+)"))) continue;
    const std::string name = match[1], type = match[2];
    typed.insert(name);
    CAPTURE(name);
    CHECK(std::regex_match(name, std::regex("voxd_[a-z]+(_[a-z]+)*")));
    CHECK((type == "counter") == name.ends_with("_total"));
    CHECK_FALSE(std::regex_search(name, std::regex("milli|_ms|_kb|_mb|_count$|_sum$|_bucket$")));
  }
  CHECK(helped == typed);
  CHECK(typed.size() >= 17);
}

TEST_CASE("nothing that a caller says becomes a label") {
  Settings settings;
  settings.metrics_address = "127.0.0.1:0";
  const ServerFixture server(settings);
  const std::string image = small_image();
  const std::string planted = "DOE-JANE-4711";
  SegmentCaller caller(server.channel);
  caller.context().AddMetadata("x-voxd-client", planted);
  v1::Open open = open_for(image, planted);
  open.set_request_id(planted);
  open.mutable_parts(0)->set_file_name(planted);
  caller.send(open);
  CHECK(caller.finish().status.error_code() == grpc::StatusCode::NOT_FOUND);
  open.set_model("fake");
  SegmentCaller good(server.channel);
  good.context().AddMetadata("x-voxd-client", planted);
  good.send_all(open, image);
  CHECK(good.finish().status.ok());
  server.wait_idle();
  const std::string text = server.app->records().metrics.text({});
  CHECK_THAT(text, Contains("code=\"NOT_FOUND\"") && !Contains(planted));
}

}  // namespace metrics_test
