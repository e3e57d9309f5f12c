#include "server/kserve_http.h"

#include <httplib.h>

#include <algorithm>
#include <thread>

#include "models/sha256.h"
#include "server/kserve_rest.h"
#include "tests/server/services/certificates.h"
#include "tests/server/services/http_caller.h"
#include "tests/server/services/shared_object.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace kserve_http_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using nlohmann::json;

namespace {

struct Got {
  int status = 0;
  json body;  ///< null: none
};

Got got(const httplib::Result& result) {
  REQUIRE(result);
  return {result->status, result->body.empty() ? json() : json::parse(result->body)};
}

Got get(const ServerFixture& server, const std::string& path) {
  return got(httplib::Client("127.0.0.1", server.app->http_port()).Get(path));
}

Got post(const ServerFixture& server, const std::string& path, const std::string& body = {}) {
  return got(httplib::Client("127.0.0.1", server.app->http_port()).Post(path, body, "application/json"));
}

std::string first_line(const ServerFixture& server, const std::string& request) {
  RawHttp client(*server.app);
  client.send(request);
  return client.receive_until("\r\n");
}

}  // namespace

TEST_CASE("HTTP: server and model say by their status whether they are well") {
  const ServerFixture server(over_http());
  for (const char* path : {"/v2/health/live", "/v2/health/ready", "/v2/models/fake/ready",
                           "/v2/models/fake/versions/1/ready", "//v2//health/live"}) {
    CAPTURE(path);
    CHECK(get(server, path).status == 200);
  }
  CHECK(get(server, "/v2/models/other/ready").status == 404);
  CHECK(get(server, "/v2/models/fake/versions/2/ready").status == 404);
  CHECK(httplib::Client("127.0.0.1", server.app->http_port()).Head("/v2/health/live")->status == 200);
}

TEST_CASE("HTTP: metadata, configuration, statistics and index are Triton's JSON") {
  const ServerFixture server(over_http());
  const json described = get(server, "/v2").body;
  CHECK(described["name"] == "voxd");
  CHECK(described["extensions"].size() == 5);
  const json model = get(server, "/v2/models/fake").body;
  CHECK(model["name"] == "fake");
  CHECK(model["versions"] == json({"1"}));
  CHECK(model["inputs"] == json({{{"name", "INPUT0"}, {"datatype", "FP32"}, {"shape", {1, -1, -1, -1}}}}));
  CHECK(get(server, "/v2/models/fake/versions/1").body == model);
  const json config = get(server, "/v2/models/fake/config").body;
  CHECK(config["max_batch_size"] == 0);
  CHECK(config["input"][0]["data_type"] == "TYPE_FP32");
  CHECK(config["output"][0]["dims"] == json({1, 1, -1, -1, -1}));
  CHECK(config["instance_group"][0]["kind"] == "KIND_CPU");
  CHECK(post(server, kInferPath, http_request(false).dump()).status == 200);
  server.wait_idle();
  for (const char* path : {"/v2/models/stats", "/v2/models/fake/stats", "/v2/models/fake/versions/1/stats"}) {
    CAPTURE(path);
    const json statistics = get(server, path).body["model_stats"][0];
    CHECK(statistics["name"] == "fake");
    CHECK(statistics["inference_count"] == 1);
    CHECK(statistics["inference_stats"]["success"]["count"] == 1);
  }
  CHECK(post(server, "/v2/repository/index").body[0]["state"] == "READY");
  CHECK(post(server, "/v2/repository/index", R"({"ready": true})").body.size() == 1);
}

TEST_CASE("HTTP: paths and methods that are not served are refused in JSON") {
  const ServerFixture server(over_http());
  for (const char* path :
       {"/", "/v1", "/v2/health", "/v2/health/live/long", "/v2/models", "/v2/models/fake/x", "/v2/models/fake/versions",
        "/v2/models/fake/versions/1/config/x", "/v2/trace", "/metrics"}) {
    CAPTURE(path);
    const Got answer = get(server, path);
    CHECK(answer.status == 404);
    CHECK(answer.body.contains("error"));
  }
  CHECK(get(server, "/v2/repository/index").status == 400);
  CHECK(get(server, kInferPath).status == 404);
  CHECK(post(server, "/v2/health/live").status == 400);
  CHECK(post(server, "/v2/repository/index", "[").status == 400);
  CHECK(post(server, "/v2/repository/index", std::string(100'000, '[')).status == 400);
  CHECK(post(server, "/v2/repository/index", std::string((1 << 20) + 1, ' ')).status == 400);
  CHECK(get(server, "/v2/models/" + std::string(300, 'x')).status == 404);
  CHECK(get(server, "/v2/models/%0a%00").status == 404);
}

TEST_CASE("HTTP: what is not HTTP is told so, and its connection ends") {
  const ServerFixture server(over_http());
  CHECK_THAT(first_line(server, "nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  CHECK_THAT(first_line(server, "GET /v2 HTTP/3.0\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  CHECK_THAT(first_line(server, "GET /v2 HTTP/1.1\r\nA: " + std::string(20'000, 'x')), StartsWith("HTTP/1.1 431"));
  CHECK_THAT(first_line(server, "GET /v2 HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"),
             StartsWith("HTTP/1.1 400"));
  CHECK_THAT(first_line(server, "POST /v2/repository/index HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n"),
             StartsWith("HTTP/1.1 400"));
  CHECK_THAT(first_line(server, "POST /v2/repository/index HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n"),
             StartsWith("HTTP/1.1 501"));
  RawHttp client(*server.app);
  client.send("GET /v2/health/live HTTP/1.1\r\nContent-Length: 5\r\nRange: bytes=0-0\r\n\r\nhello" +
              std::string("GET /v2/health/ready HTTP/1.0\r\n\r\n"));
  const std::string all = client.receive_all();
  CHECK(std::count(all.begin(), all.end(), '/') >= 2);
  CHECK_THAT(all, StartsWith("HTTP/1.1 200"));
  CHECK(get(server, "/v2/health/live").status == 200);
}

TEST_CASE("HTTP: loads, unloads and changes of the log are refused without --model-control, as over gRPC") {
  const ServerFixture server(over_http());
  CHECK(post(server, "/v2/repository/models/fake/load").status == 403);
  CHECK(post(server, "/v2/repository/models/fake/unload", R"({"parameters":{"unload_dependents":false}})").status ==
        403);
  CHECK(post(server, "/v2/logging", R"({"log_info":false})").status == 403);
  CHECK(get(server, "/v2/logging").body.contains("log_verbose_level"));
  CHECK(get(server, "/v2/trace/setting").body == json{{"trace_level", {"OFF"}}});
  CHECK(get(server, "/v2/models/fake/trace/setting").body == json{{"trace_level", {"OFF"}}});
  CHECK(post(server, "/v2/trace/setting", R"({"trace_level":null})").status == 200);
  CHECK(post(server, "/v2/trace/setting", R"({"trace_level":["TIMESTAMPS"]})").status == 501);
}

TEST_CASE("HTTP: a model is unloaded where that is allowed") {
  Settings settings = over_http();
  settings.model_control = true;
  const ServerFixture server(settings);
  const Got refused = post(server, "/v2/repository/models/fake/load", R"({"parameters":{"config":"{}"}})");
  CHECK(refused.status == 400);
  CHECK_THAT(refused.body["error"].get<std::string>(), Contains("'config' is not supported"));
  CHECK(post(server, "/v2/repository/models/other/unload").status == 404);
  CHECK(post(server, "/v2/repository/models/fake/unload").status == 200);
  CHECK(get(server, "/v2/models/fake/ready").status == 400);
  CHECK(post(server, kInferPath, http_request(false).dump()).status == 503);
}

TEST_CASE("HTTP: shared memory is registered, listed and forgotten") {
  Settings settings = over_http();
  CHECK(get(ServerFixture(settings), "/v2/systemsharedmemory/status").status == 501);
  settings.shared_memory.enabled = true;
  const ServerFixture server(settings);
  const SharedObject object("rest", std::string(100, 'x'));
  const std::string region = json{{"key", object.key()}, {"offset", 4}, {"byte_size", 96}}.dump();
  CHECK(post(server, "/v2/systemsharedmemory/region/r/register", region).status == 200);
  CHECK(post(server, "/v2/systemsharedmemory/region/r/register", region).status == 400);
  const json expected{{"name", "r"}, {"key", object.key()}, {"offset", 4}, {"byte_size", 96}};
  CHECK(get(server, "/v2/systemsharedmemory/status").body == json({expected}));
  CHECK(get(server, "/v2/systemsharedmemory/region/r/status").body == json({expected}));
  CHECK(get(server, "/v2/systemsharedmemory/region/other/status").status == 404);
  CHECK(post(server, "/v2/systemsharedmemory/region/s/register", R"({"key":"/voxd_none","byte_size":4})").status ==
        500);
  CHECK(post(server, "/v2/systemsharedmemory/region/s/register", R"({"key":"/voxd_x","byte_size":-4})").status == 400);
  CHECK(post(server, "/v2/systemsharedmemory/region/s/register", "{}").status == 400);
  CHECK(post(server, "/v2/systemsharedmemory/unregister").status == 200);
  CHECK(get(server, "/v2/systemsharedmemory/status").body.empty());
  CHECK(get(server, "/v2/cudasharedmemory/status").body.empty());
  CHECK(post(server, "/v2/cudasharedmemory/unregister").status == 200);
  const auto cuda = [&](const char* handle) {
    const json body{{"raw_handle", {{"b64", handle}}}, {"device_id", 0}, {"byte_size", 24}};
    return post(server, "/v2/cudasharedmemory/region/c/register", body.dump()).status;
  };
  CHECK(cuda("AAAA") == 501);
  for (const char* handle : {"", "AAA", "A===", "AA*A"}) CHECK(cuda(handle) == 400);
  CHECK(post(server, "/v2/cudasharedmemory/region/c/register", "{}").status == 400);
}

TEST_CASE("HTTP: roles go by the token, the same for each call as over gRPC") {
  TemporaryFolder folder;
  Settings settings = over_http();
  const auto sum = [](std::string_view token) { return Sha256().add(std::as_bytes(std::span(token))).hex(); };
  settings.roles =
      folder.write("roles.json", json{{"tokens", {{sum("infer me"), {"infer"}}, {sum("all"), {"admin"}}}}}.dump());
  const ServerFixture server(settings);
  const auto status = [&](const std::string& path, const std::string& token) {
    httplib::Client client("127.0.0.1", server.app->http_port());
    if (!token.empty()) client.set_bearer_token_auth(token);
    const auto result =
        path == kInferPath ? client.Post(path, http_request(false).dump(), "application/json") : client.Get(path);
    return result->status;
  };
  CHECK(status("/v2/health/ready", "") == 200);
  CHECK(status("/v2", "") == 403);
  CHECK(status(kInferPath, "") == 403);
  CHECK(status(kInferPath, "wrong") == 403);
  CHECK(status(kInferPath, "infer me") == 200);
  CHECK(status("/v2/logging", "infer me") == 403);
  CHECK(status("/v2/logging", "all") == 200);
}

TEST_CASE("HTTP: with a certificate the server speaks TLS only, and a client's subject is its name") {
  Certificates made;
  for (const char* name : {"server", "gateway", "stranger"}) made.issue(name);
  Certificates foreign;
  foreign.issue("gateway");
  TemporaryFolder folder;
  Settings settings = over_http();
  settings.tls = {made.certificate("server"), made.key("server"), made.authority()};
  settings.roles = folder.write("roles.json", R"({"subjects": {"gateway": ["infer"]}})");
  const ServerFixture server(settings);
  const auto infer_as = [&](const Certificates& whose, const std::string& name) {
    httplib::SSLClient client("127.0.0.1", server.app->http_port(), whose.certificate(name).string(),
                              whose.key(name).string());
    client.set_ca_cert_path(made.authority().c_str());
    const auto result = client.Post(kInferPath, http_request(false).dump(), "application/json");
    return result ? result->status : 0;
  };
  CHECK(infer_as(made, "gateway") == 200);
  CHECK(infer_as(made, "stranger") == 403);
  CHECK(infer_as(foreign, "gateway") == 0);
  CHECK_FALSE(httplib::Client("127.0.0.1", server.app->http_port()).Get("/v2/health/live"));
}

TEST_CASE("HTTP: an address that is taken is refused with its setting") {
  const ServerFixture first(over_http());
  Settings settings;
  settings.http_address = "127.0.0.1:" + std::to_string(first.app->http_port());
  CHECK_THROWS_WITH(ServerFixture(settings), Contains("--http-address: '" + settings.http_address + "'"));
}

TEST_CASE("a path's parts name an inference, or not") {
  RestTarget target;
  CHECK(is_inference(path_parts("/v2/models/m/infer"), target));
  CHECK(target.model == "m");
  CHECK(is_inference(path_parts("/v2/models/m/versions/3/infer"), target));
  CHECK(target.version == "3");
  for (const char* path : {"/v2/models/infer", "/v2/models/m/3/infer", "/v2/models/m/versions/infer", "", "/",
                           "/v2/models/m/versions/3/4/infer", "/v1/models/m/infer"})
    CHECK_FALSE(is_inference(path_parts(path), target));
}

}  // namespace kserve_http_test
