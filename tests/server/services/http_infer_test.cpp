#include <httplib.h>

#include <fstream>
#include <future>
#include <thread>

#include "tests/server/services/http_caller.h"
#include "tests/server/services/shared_object.h"
#include "tests/support/catch.h"
#include "tests/support/temporary_folder.h"

namespace http_infer_test {

using namespace voxd;
using namespace voxd::test;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using nlohmann::json;

namespace {

const std::string kMask("\0\1\1\1\0\1", 6);

httplib::Client client_of(const ServerFixture& server) {
  httplib::Client client("127.0.0.1", server.app->http_port());
  client.set_read_timeout(120);
  return client;
}

httplib::Result post(const ServerFixture& server, const json& request, const std::string& binary = {},
                     httplib::Headers headers = {}) {
  const std::string head = request.dump();
  if (!binary.empty()) headers.emplace("Inference-Header-Content-Length", std::to_string(head.size()));
  return client_of(server).Post(kInferPath, headers, head + binary, "application/octet-stream");
}

json output_of(const json& response, const std::string& name) {
  for (const json& output : response["outputs"])
    if (output["name"] == name) return output;
  return nullptr;
}

/// The error's text, whose status must be this.
std::string error_of(const httplib::Result& result, int status) {
  REQUIRE(result);
  CHECK(result->status == status);
  CHECK(result->get_header_value("Content-Type") == "application/json");
  return json::parse(result->body).at("error").get<std::string>();
}

}  // namespace

TEST_CASE("HTTP: an inference in JSON is answered in JSON") {
  const ServerFixture server(over_http());
  const auto result = post(server, http_request(false));
  REQUIRE(result);
  REQUIRE(result->status == 200);
  CHECK(result->get_header_value("Content-Type") == "application/json");
  const json response = json::parse(result->body);
  CHECK(response["id"] == "call 7");
  CHECK(response["model_name"] == "fake");
  CHECK(response["model_version"] == "1");
  CHECK(json::parse(response["parameters"]["stage_ms"].get<std::string>()).contains("network"));
  const json mask = output_of(response, "MASK");
  CHECK(mask["datatype"] == "UINT8");
  CHECK(mask["shape"] == json({1, 1, 2, 1, 3}));
  CHECK(mask["data"] == json({0, 1, 1, 1, 0, 1}));
  CHECK(output_of(response, "SCALED")["data"] == json({0, 2, 4, 6, 0.5, 1.5}));
}

TEST_CASE("HTTP: tensors go and come in binary, byte for byte what gRPC gives") {
  const ServerFixture server(over_http());
  json request = http_request(true);
  request["parameters"]["binary_data_output"] = true;
  request["outputs"] = {
      {{"name", "SCALED"}}, {{"name", "MASK"}}, {{"name", "CONTOUR"}, {"parameters", {{"binary_data", false}}}}};
  const auto result = post(server, request, kHttpVolume);
  REQUIRE(result);
  REQUIRE(result->status == 200);
  const std::size_t head = std::stoul(result->get_header_value("Inference-Header-Content-Length"));
  const json response = json::parse(result->body.substr(0, head));
  CHECK(output_of(response, "SCALED")["parameters"]["binary_data_size"] == 24);
  CHECK(output_of(response, "CONTOUR")["data"] == json({0, 0, 1, 1, 0, 0}));
  const Answer grpc = infer(server, float_request());
  CHECK(result->body.substr(head) == grpc.response.raw_output_contents(2) + grpc.response.raw_output_contents(0));
}

TEST_CASE("HTTP: a body in chunks is as good, and 16-bit floats are widened") {
  const ServerFixture server(over_http());
  json request = http_request(true);
  request["inputs"][0]["datatype"] = "BF16";
  request["inputs"][0]["parameters"]["binary_data_size"] = 12;
  const std::string head = request.dump();
  const std::string body = head + raw(std::vector<std::uint16_t>{0, 0x3f80, 0x4000, 0x4040, 0x3e80, 0x3f40});
  std::size_t sent = 0;
  const auto result = client_of(server).Post(
      kInferPath, {{"Inference-Header-Content-Length", std::to_string(head.size())}},
      [&](std::size_t, httplib::DataSink& sink) {
        const std::size_t size = std::min<std::size_t>(7, body.size() - sent);
        sink.write(body.data() + sent, size);
        sent += size;
        if (sent == body.size()) sink.done();
        return true;
      },
      "application/octet-stream");
  REQUIRE(result);
  REQUIRE(result->status == 200);
  CHECK(output_of(json::parse(result->body), "MASK")["data"] == json({0, 1, 1, 1, 0, 1}));
}

TEST_CASE("HTTP: what is wrong with a request has Triton's status and the beginning of its text") {
  const ServerFixture server(over_http());
  const auto changed = [](auto change, bool binary = false) {
    json request = http_request(binary);
    change(request);
    return request;
  };
  CHECK_THAT(error_of(client_of(server).Post("/v2/models/other/infer", "{}", "application/json"), 404),
             StartsWith("Request for unknown model: 'other' is not found"));
  CHECK_THAT(error_of(client_of(server).Post("/v2/models/fake/versions/2/infer", "{}", "application/json"), 404),
             StartsWith("Request for unknown model"));
  CHECK_THAT(error_of(client_of(server).Post(kInferPath, "{", "application/json"), 400),
             Contains("failed to parse the request JSON"));
  CHECK_THAT(error_of(post(server, changed([](json& r) {
                             r["inputs"][0]["data"] = {1, 2};
                           })),
                      400),
             StartsWith("input byte size mismatch for input 'INPUT0' for model 'fake'. Expected 24, got 8"));
  CHECK_THAT(error_of(post(server, changed([](json& r) {
                             r["inputs"][0]["shape"] = {2, 3};
                           })),
                      400),
             StartsWith("unexpected shape for input 'INPUT0'"));
  CHECK_THAT(error_of(post(server, changed([](json& r) { r["inputs"][0]["name"] = "X"; })), 400),
             StartsWith("unexpected inference input 'X'"));
  CHECK_THAT(error_of(post(server, changed([](json& r) { r["inputs"][0]["datatype"] = "BYTES"; })), 400),
             StartsWith("inference input 'INPUT0' data-type is 'BYTES'"));
  CHECK_THAT(error_of(post(server, changed([](json& r) {
                             r["outputs"] = {{{"name", "X"}}};
                           })),
                      400),
             StartsWith("unexpected inference output 'X'"));
  CHECK_THAT(error_of(post(server, http_request(true), kHttpVolume + "x"), 400),
             StartsWith("unexpected additional input data"));
  CHECK_THAT(error_of(post(server, http_request(true), kHttpVolume.substr(1)), 400), Contains("binary data: 24 bytes"));
  CHECK_THAT(error_of(post(server, changed([](json& r) { r["parameters"]["sequence_id"] = 1; })), 501),
             Contains("sequence_id"));
  CHECK_THAT(error_of(post(server, http_request(false), {}, {{"Content-Encoding", "gzip"}}), 501),
             Contains("must not be compressed"));
  CHECK_THAT(error_of(post(server, http_request(false), {}, {{"Inference-Header-Content-Length", "9999"}}), 400),
             Contains("9999 bytes, the body has"));
  CHECK_THAT(error_of(post(server, http_request(false), {}, {{"Inference-Header-Content-Length", "many"}}), 400),
             Contains("not a number of bytes"));
  CHECK_THAT(
      error_of(post(server, changed([](json& r) { r["inputs"][0]["data"] = std::vector<int>(600'000, 1); })), 400),
      Contains("large tensors must be sent as binary data"));
  server.pipeline->fails = true;
  CHECK_THAT(error_of(post(server, http_request(false)), 400), Contains("not to the network's liking"));
  server.pipeline->fails = false;
  CHECK(post(server, http_request(false))->status == 200);
}

TEST_CASE("HTTP: an image beyond the limit is refused on its headers, and the client hears it while it sends") {
  Settings settings = over_http();
  settings.max_image_bytes = 1000;
  const ServerFixture server(settings);
  CHECK_THAT(error_of(post(server, http_request(false), std::string(std::size_t{32} << 20, 'x')), 413),
             Contains("(--max-image-bytes)"));
  RawHttp patient(*server.app);
  patient.send(http_post("Content-Length: 9000000000\r\n", ""));
  CHECK_THAT(patient.receive_until("}"), StartsWith("HTTP/1.1 413") && Contains("9000000000 bytes"));
}

TEST_CASE("HTTP: an inference is refused before its body comes when the server has enough to do") {
  Settings settings = over_http();
  settings.queue_jobs = 1;
  Gate gate;
  const ServerFixture server(gate, settings);
  auto running = std::async(std::launch::async, [&] { return post(server, http_request(false))->status; });
  gate.wait_for_arrivals(1);
  RawHttp second(*server.app);
  second.send(http_post("Content-Length: 1000000\r\n", ""));
  CHECK_THAT(second.receive_until("}"),
             StartsWith("HTTP/1.1 429") && Contains("Retry-After: ") && Contains("Connection: close"));
  gate.open();
  CHECK(running.get() == 200);
}

TEST_CASE("HTTP: a client that goes away frees what its inference held") {
  Gate gate;
  const ServerFixture server(gate, over_http());
  {
    RawHttp client(*server.app);
    client.send(whole_post());
    gate.wait_for_arrivals(1);
  }
  server.wait_idle();
  CHECK(server.app->admission().bytes() == 0);
  gate.open();
  CHECK(post(server, http_request(false))->status == 200);
}

TEST_CASE("HTTP: a request that ends anywhere leaves nothing behind") {
  const ServerFixture server(over_http());
  const std::string whole = whole_post();
  for (std::size_t n = 0; n < whole.size(); ++n) {
    CAPTURE(n);
    RawHttp client(*server.app);
    client.send(whole.substr(0, n));
    client.end_sending();
    CHECK(client.receive_all().find("HTTP/1.1 200") == std::string::npos);
  }
  server.wait_idle();
  CHECK(server.app->admission().bytes() == 0);
  CHECK(server.pipeline->runs == 0);
  RawHttp client(*server.app);
  client.send(whole);
  CHECK_THAT(client.receive_until("SCALED"), StartsWith("HTTP/1.1 200"));
}

TEST_CASE("HTTP: a caller that stops sending is told so in time and holds nothing") {
  Settings settings = over_http();
  settings.stall_timeout_s = 0.05;
  const ServerFixture server(settings);
  const std::string whole = whole_post();
  RawHttp client(*server.app);
  client.send(whole.substr(0, whole.size() - 1));
  CHECK_THAT(client.receive_until("}"), StartsWith("HTTP/1.1 504") && Contains("did not come in time"));
  server.wait_idle();
}

TEST_CASE("HTTP: a caller that takes nothing of its answer holds no worker") {
  const ServerFixture server(over_http());
  constexpr std::int64_t size = 4 << 20;
  json request = http_request(true);
  request["inputs"][0]["datatype"] = "UINT8";
  request["inputs"][0]["shape"] = {1, 4, 1024, 1024};
  request["inputs"][0]["parameters"]["binary_data_size"] = size;
  request["parameters"]["binary_data_output"] = true;
  const std::string head = request.dump();
  {
    RawHttp client(*server.app);
    client.send(http_post("Inference-Header-Content-Length: " + std::to_string(head.size()) + "\r\nContent-Length: " +
                              std::to_string(static_cast<std::int64_t>(head.size()) + size) + "\r\n",
                          head + std::string(size, '\1')));
    while (server.pipeline->runs == 0) std::this_thread::yield();
    CHECK(post(server, http_request(false))->status == 200);
    while (server.app->admission().calls() > 1) std::this_thread::yield();  // it ends a little after its answer
    CHECK(server.app->admission().calls() == 1);
  }
  server.wait_idle();
  CHECK_THAT(server.app->records().metrics.text({}),
             Contains("voxd_calls_total{code=\"CANCELLED\",rpc=\"HttpInfer\"} 1"));
}

TEST_CASE("HTTP: a server that stops finishes what it has taken and refuses the rest") {
  Gate gate;
  const ServerFixture server(gate, over_http());
  auto running = std::async(std::launch::async, [&] { return post(server, http_request(false))->status; });
  gate.wait_for_arrivals(1);
  auto drained = std::async(std::launch::async, [&] { return server.app->drain(); });
  while (!server.app->admission().closed()) std::this_thread::yield();
  CHECK_THAT(error_of(post(server, http_request(false)), 503), Contains("stopping"));
  gate.open();
  CHECK(running.get() == 200);
  CHECK(drained.get());
  CHECK_FALSE(post(server, http_request(false)));
}

TEST_CASE("HTTP: what still runs when the server may wait no longer is cancelled and told so") {
  Settings settings = over_http();
  settings.drain_timeout_s = 0;
  Gate gate;
  const ServerFixture server(gate, settings);
  auto running = std::async(std::launch::async, [&] { return post(server, http_request(false)); });
  gate.wait_for_arrivals(1);
  CHECK_FALSE(server.app->drain());
  CHECK_THAT(error_of(running.get(), 503), Contains("stopping"));
}

TEST_CASE("HTTP: priority and timeout are those of gRPC") {
  Gate gate;
  const ServerFixture server(gate, over_http());
  auto running = std::async(std::launch::async, [&] { return post(server, http_request(false))->status; });
  gate.wait_for_arrivals(1);
  json request = http_request(false);
  request["parameters"] = {{"timeout", 20'000}, {"priority", 2}};
  CHECK_THAT(error_of(post(server, request), 504), Contains("deadline"));
  gate.open();
  CHECK(running.get() == 200);
}

TEST_CASE("HTTP: calls are counted, and written down as gRPC's are") {
  TemporaryFolder folder;
  Settings settings = over_http();
  settings.audit_file = folder.path() / "audit";
  const ServerFixture server(settings);
  CHECK(post(server, http_request(true), kHttpVolume)->status == 200);
  CHECK(infer(server, float_request()).status.ok());
  server.wait_idle();
  CHECK_THAT(server.app->records().metrics.text({}), Contains("voxd_calls_total{code=\"OK\",rpc=\"HttpInfer\"} 1"));
  std::ifstream lines(settings.audit_file);
  std::vector<json> audit;
  for (std::string line; std::getline(lines, line);) audit.push_back(json::parse(line));
  REQUIRE(audit.size() == 2);
  for (const char* key : {"input_sha256", "output_sha256", "request_id", "model"})
    CHECK(audit[0][key] == audit[1][key]);
}

TEST_CASE("HTTP: tensors in shared memory are read and written in place") {
  Settings settings = over_http();
  settings.shared_memory.enabled = true;
  const ServerFixture server(settings);
  SharedObject object("http", kHttpVolume + std::string(100, '\0'));
  httplib::Client client = client_of(server);
  const std::string region = json{{"key", object.key()}, {"offset", 0}, {"byte_size", 124}}.dump();
  REQUIRE(client.Post("/v2/systemsharedmemory/region/all/register", region, "application/json")->status == 200);
  json request = http_request(false);
  request["inputs"][0].erase("data");
  request["inputs"][0]["parameters"] = {{"shared_memory_region", "all"}, {"shared_memory_byte_size", 24}};
  request["outputs"] = {
      {{"name", "MASK"},
       {"parameters",
        {{"shared_memory_region", "all"}, {"shared_memory_offset", 24}, {"shared_memory_byte_size", 6}}}}};
  const auto result = post(server, request);
  REQUIRE(result->status == 200);
  const json mask = output_of(json::parse(result->body), "MASK");
  CHECK(mask["parameters"]["shared_memory_region"] == "all");
  CHECK_FALSE(mask.contains("data"));
  CHECK(object.read(24, 6) == kMask);
}

TEST_CASE("HTTP: one connection carries one request after the other") {
  const ServerFixture server(over_http());
  httplib::Client client = client_of(server);
  client.set_keep_alive(true);
  for (int i = 0; i < 3; ++i) {
    CHECK(client.Post(kInferPath, http_request(false).dump(), "application/json")->status == 200);
    CHECK(client.Get("/v2/health/ready")->status == 200);
  }
  RawHttp eager(*server.app);
  eager.send(whole_post() + whole_post() + "GET /v2/health/live HTTP/1.1\r\nConnection: close\r\n\r\n");
  const std::string all = eager.receive_all();
  std::size_t answers = 0;
  for (std::size_t at = 0; (at = all.find("HTTP/1.1 200", at)) != std::string::npos; ++at) ++answers;
  CHECK(answers == 3);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(VOXD_UNDER_TSAN)
TEST_CASE("HTTP: a body may have more than 2 GiB") {
  Settings settings = over_http();
  settings.max_image_bytes = std::int64_t{3} << 30;
  settings.client_share = 1;
  const ServerFixture server(settings);
  server.pipeline->fails = true;  // when all has come
  constexpr std::int64_t slab = 1024 * 1024, slabs = 2049;
  json request = http_request(true);
  request["inputs"][0]["datatype"] = "UINT8";
  request["inputs"][0]["shape"] = {1, slabs, 1024, 1024};
  request["inputs"][0]["parameters"]["binary_data_size"] = slabs * slab;
  const std::string head = request.dump(), block(slab, '\1');
  RawHttp client(*server.app);
  client.send(http_post("Inference-Header-Content-Length: " + std::to_string(head.size()) + "\r\nContent-Length: " +
                            std::to_string(static_cast<std::int64_t>(head.size()) + slabs * slab) + "\r\n",
                        head));
  for (int i = 0; i < slabs; ++i) REQUIRE(client.send(block));
  CHECK_THAT(client.receive_until("}"), Contains("not to the network's liking"));
}
#endif

}  // namespace http_infer_test
